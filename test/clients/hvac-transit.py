# Drives transit of an unsealed server with hvac, and prints one line of JSON per step; hvac-transit.test.ts says what each must be.

import base64
import sys

import hvac
from hvac_steps import step

address, token = sys.argv[1], sys.argv[2]
client = hvac.Client(url=address, timeout=10, token=token)
transit = client.secrets.transit


def plain(answer):
    return base64.b64decode(answer["data"]["plaintext"]).decode()


secret = base64.b64encode(b"4111 1111 1111 1111").decode()
step("enable transit", lambda: client.sys.enable_secrets_engine("transit"))
step("make a key", lambda: transit.create_key(name="card", key_type="aes256-gcm96")["data"]["type"])
step("list keys", lambda: transit.list_keys()["data"]["keys"])
first = step("encrypt", lambda: transit.encrypt_data(name="card", plaintext=secret)["data"]["ciphertext"])
step("decrypt", lambda: plain(transit.decrypt_data(name="card", ciphertext=first)))
step("rotate", lambda: transit.rotate_key(name="card"))
second = step("rewrap", lambda: transit.rewrap_data(name="card", ciphertext=first)["data"]["ciphertext"])
step("decrypt what was wrapped anew", lambda: plain(transit.decrypt_data(name="card", ciphertext=second)))
step("encrypt many", lambda: len(transit.encrypt_data(name="card", batch_input=[{"plaintext": secret}] * 3)["data"]["batch_results"]))
step("make a data key", lambda: sorted(transit.generate_data_key(name="card", key_type="plaintext")["data"]))
step("forbid the first version", lambda: transit.update_key_configuration(name="card", min_decryption_version=2))
step("decrypt with the first version", lambda: transit.decrypt_data(name="card", ciphertext=first))
step("trim", lambda: transit.trim_key(name="card", min_version=2))
step("read the key", lambda: transit.read_key(name="card")["data"])
step("hmac", lambda: transit.generate_hmac(name="card", hash_input=secret, algorithm="sha2-256")["data"]["hmac"])
step("hash", lambda: transit.hash_data(hash_input=secret, algorithm="sha2-256", output_format="hex")["data"]["sum"])
step("random", lambda: len(transit.generate_random_bytes(n_bytes=32, output_format="hex")["data"]["random_bytes"]))
step("delete it", lambda: transit.delete_key(name="card"))
step("allow that", lambda: transit.update_key_configuration(name="card", deletion_allowed=True))
step("delete the key", lambda: transit.delete_key(name="card"))
step("read none", lambda: transit.read_key(name="card"))
