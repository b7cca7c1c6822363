# Drives a server that is not initialised with hvac, and prints one line of JSON per step; hvac.test.ts says what each must be.

import json
import sys
import warnings

import hvac
from hvac_steps import step

warnings.simplefilter("ignore")
address, certificate = sys.argv[1], sys.argv[2]
verify = certificate if certificate != "-" else False
client = hvac.Client(url=address, verify=verify, timeout=10)


def as_client(token):
    return hvac.Client(url=address, verify=verify, timeout=10, token=token)


def initialise():
    step("is not initialised", client.sys.is_initialized)
    step("health before init", lambda: client.sys.read_health_status(method="GET"))
    step("seal status before init", client.sys.read_seal_status)
    step("unseal before init", lambda: client.sys.submit_unseal_key("ab" * 33))
    made = client.sys.initialize(5, 3)
    keys = made["keys"]
    step("initialize", lambda: {"keys": len(keys), "base64": len(made["keys_base64"]), "lengths": sorted({len(k) for k in keys})})
    step("initialize again", lambda: client.sys.initialize(5, 3))
    step("is initialised", client.sys.is_initialized)
    step("sealed", client.sys.is_sealed)
    step("health while sealed", lambda: client.sys.read_health_status(method="GET"))
    client.token = made["root_token"]
    step("read while sealed", lambda: client.secrets.kv.v1.read_secret("a", mount_point="kv1"))
    step("first share", lambda: client.sys.submit_unseal_key(keys[0]))
    step("reset", lambda: client.sys.submit_unseal_key(reset=True))
    step("unseal", lambda: client.sys.submit_unseal_keys(keys[1:4]))
    step("health", lambda: client.sys.read_health_status(method="GET"))
    step("health by HEAD", lambda: client.sys.read_health_status(method="HEAD"))
    step("leader", client.sys.read_leader_status)
    step("is authenticated", client.is_authenticated)
    return keys


def mounts():
    sys_ = client.sys
    step("enable kv 1", lambda: sys_.enable_secrets_engine("kv", path="kv1", description="first", options={"version": "1"}))
    step("enable kv 2", lambda: sys_.enable_secrets_engine("kv", path="kv2", options={"version": "2"}, config={"max_lease_ttl": "2h"}))
    step("enable taken", lambda: sys_.enable_secrets_engine("kv", path="kv2/below"))
    step("enable unknown", lambda: sys_.enable_secrets_engine("nothing", path="nothing"))
    step("list mounts", lambda: sorted(sys_.list_mounted_secrets_engines()["data"]))
    step("mount option", lambda: sys_.retrieve_mount_option("kv2", "version"))
    step("tune", lambda: sys_.tune_mount_configuration("kv2", default_lease_ttl="1h", description="second"))
    step("read tuning", lambda: sys_.read_mount_configuration("kv2")["data"])
    step("enable for disabling", lambda: sys_.enable_secrets_engine("kv", path="gone"))
    step("move", lambda: sys_.move_backend("gone", "going"))
    step("disable", lambda: sys_.disable_secrets_engine("going"))
    step("list auth methods", lambda: sorted(sys_.list_auth_methods()["data"]))


def kv_v1():
    kv = client.secrets.kv.v1
    step("v1 read nothing", lambda: kv.read_secret("app/a", mount_point="kv1"))
    step("v1 write", lambda: kv.create_or_update_secret("app/a", {"password": "öß", "n": 3}, mount_point="kv1"))
    step("v1 read", lambda: kv.read_secret("app/a", mount_point="kv1")["data"])
    step("v1 list", lambda: kv.list_secrets("app", mount_point="kv1")["data"])
    step("v1 list nothing", lambda: kv.list_secrets("none", mount_point="kv1"))
    step("v1 delete", lambda: kv.delete_secret("app/a", mount_point="kv1"))
    step("v1 read deleted", lambda: kv.read_secret("app/a", mount_point="kv1"))
    step("generic write", lambda: client.write_data("kv1/generic", data={"path": "kept", "token": "kept"}))
    step("generic read", lambda: client.read("kv1/generic")["data"])
    step("generic read of nothing", lambda: client.read("kv1/none"))
    step("generic list", lambda: client.list("kv1")["data"])


def kv_v2():
    kv = client.secrets.kv.v2
    at = {"path": "app/a", "mount_point": "kv2"}
    step("v2 configure", lambda: kv.configure(max_versions=4, mount_point="kv2"))
    step("v2 configuration", lambda: kv.read_configuration(mount_point="kv2")["data"])
    step("v2 write", lambda: kv.create_or_update_secret(secret={"a": "1"}, cas=0, **at)["data"])
    step("v2 cas mismatch", lambda: kv.create_or_update_secret(secret={"a": "x"}, cas=0, **at))
    step("v2 write again", lambda: kv.create_or_update_secret(secret={"a": "2"}, **at)["data"]["version"])
    step("v2 patch", lambda: kv.patch(secret={"b": "3"}, **at)["data"]["version"])
    step("v2 patch nothing", lambda: kv.patch(path="none", secret={"b": "3"}, mount_point="kv2"))
    step("v2 read", lambda: kv.read_secret_version(raise_on_deleted_version=True, **at)["data"]["data"])
    step("v2 read version", lambda: kv.read_secret_version(version=1, raise_on_deleted_version=True, **at)["data"]["data"])
    step("v2 read future version", lambda: kv.read_secret_version(version=9, raise_on_deleted_version=True, **at))
    step("v2 delete latest", lambda: kv.delete_latest_version_of_secret(**at))
    step("v2 read deleted", lambda: kv.read_secret_version(raise_on_deleted_version=True, **at))
    step("v2 look at deleted", lambda: kv.read_secret_version(raise_on_deleted_version=False, **at)["data"]["data"])
    step("v2 undelete", lambda: kv.undelete_secret_versions(versions=[3], **at))
    step("v2 read undeleted", lambda: kv.read_secret_version(raise_on_deleted_version=True, **at)["data"]["data"])
    step("v2 delete versions", lambda: kv.delete_secret_versions(versions=[1, 2], **at))
    step("v2 destroy", lambda: kv.destroy_secret_versions(versions=[2], **at))
    step("v2 update metadata", lambda: kv.update_metadata(max_versions=7, custom_metadata={"team": "ops"}, **at))
    step("v2 metadata", lambda: kv.read_secret_metadata(**at)["data"])
    step("v2 list", lambda: kv.list_secrets(path="", mount_point="kv2")["data"])
    step("v2 list below", lambda: kv.list_secrets(path="app", mount_point="kv2")["data"])
    step("v2 delete everything", lambda: kv.delete_metadata_and_all_versions(**at))
    step("v2 list nothing", lambda: kv.list_secrets(path="app", mount_point="kv2"))


POLICY = """
path "kv1/own/*" { capabilities = ["create", "read", "update", "list"] }
path "auth/token/create" { capabilities = ["update"] }
"""


def policies():
    sys_ = client.sys
    step("write policy", lambda: sys_.create_or_update_policy("Own", POLICY))
    step("write policy as an object", lambda: sys_.create_or_update_acl_policy("object", {"path": {"kv1/x": {"capabilities": ["read"]}}}))
    step("write broken policy", lambda: sys_.create_or_update_policy("broken", 'path "x" { capabilities = ["fly"] }'))
    step("list policies", lambda: sys_.list_policies()["policies"])
    step("list acl policies", lambda: sys_.list_acl_policies()["data"]["keys"])
    step("read policy", lambda: sys_.read_policy("own")["data"]["rules"] == POLICY)
    step("read acl policy", lambda: json.loads(sys_.read_acl_policy("object")["data"]["policy"]))
    step("read no policy", lambda: sys_.read_policy("none"))
    step("delete policy", lambda: sys_.delete_policy("object"))
    step("delete root policy", lambda: sys_.delete_policy("root"))


def tokens():
    token = client.auth.token
    made = step("create token", lambda: token.create(policies=["own"], ttl="1h", meta={"who": "joe"}, display_name="joe"))["auth"]
    own = as_client(made["client_token"])
    step("write allowed", lambda: own.secrets.kv.v1.create_or_update_secret("own/a", {"v": "1"}, mount_point="kv1"))
    step("write forbidden", lambda: own.secrets.kv.v1.create_or_update_secret("other", {"v": "1"}, mount_point="kv1"))
    step("lookup self", lambda: own.auth.token.lookup_self()["data"])
    step("lookup", lambda: token.lookup(made["client_token"])["data"]["display_name"])
    step("lookup accessor", lambda: token.lookup_accessor(made["accessor"])["data"]["id"])
    step("renew", lambda: token.renew(made["client_token"], increment="30m")["auth"]["lease_duration"])
    step("renew self", lambda: own.auth.token.renew_self(increment="20m")["auth"]["lease_duration"])
    step("renew accessor", lambda: token.renew_accessor(made["accessor"], increment="10m")["auth"]["lease_duration"])
    step("renew root", lambda: token.renew_self())
    step("list accessors", lambda: made["accessor"] in token.list_accessors()["data"]["keys"])
    step("capabilities", lambda: client.sys.get_capabilities(["kv1/own/a", "kv1/other"], token=made["client_token"])["data"])
    step("capabilities of an accessor", lambda: client.sys.get_capabilities(["kv1/own/a"], accessor=made["accessor"])["data"])
    step("own capabilities", lambda: own.sys.get_capabilities(["kv1/own/a"])["data"]["capabilities"])
    child = own.auth.token.create(ttl="10m")["auth"]
    step("revoke accessor", lambda: token.revoke_accessor(made["accessor"]))
    step("use revoked", lambda: own.auth.token.lookup_self())
    step("use its child", lambda: as_client(child["client_token"]).auth.token.lookup_self())
    step("lookup revoked", lambda: token.lookup(made["client_token"]))
    step("is not authenticated", own.is_authenticated)
    step("write role", lambda: token.create_or_update_role("fixed", allowed_policies=["own"], orphan=True, token_period="2h", path_suffix="below"))
    step("read role", lambda: token.read_role("fixed")["data"])
    step("list roles", lambda: token.list_roles()["data"])
    from_role = step("create from role", lambda: token.create(role_name="fixed"))["auth"]
    step("lookup from role", lambda: token.lookup(from_role["client_token"])["data"])
    step("create beyond role", lambda: token.create(role_name="fixed", policies=["root"]))
    step("delete role", lambda: token.delete_role("fixed"))
    orphan = token.create_orphan(policies=["default"], num_uses=2)["auth"]["client_token"]
    step("two uses", lambda: [as_client(orphan).auth.token.lookup_self()["data"]["num_uses"] for _ in range(2)])
    step("third use", lambda: as_client(orphan).auth.token.lookup_self())
    batch = token.create(type="batch", policies=["own"], ttl="1h")["auth"]
    step("batch token", lambda: {"prefix": batch["client_token"][:4], "accessor": batch["accessor"], "renewable": batch["renewable"]})
    step("use batch token", lambda: as_client(batch["client_token"]).secrets.kv.v1.read_secret("own/a", mount_point="kv1")["data"])
    step("revoke token", lambda: token.revoke(from_role["client_token"]))
    step("revoke self", lambda: as_client(token.create(ttl="1h")["auth"]["client_token"]).auth.token.revoke_self())
    step("unknown token", lambda: as_client("hvs.unknown").secrets.kv.v1.read_secret("own/a", mount_point="kv1"))
    step("no token", lambda: hvac.Client(url=address, verify=verify, token="").secrets.kv.v1.read_secret("own/a", mount_point="kv1"))


def leases():
    sys_ = client.sys
    made = client.auth.token.create(policies=["own"], ttl="1h")["auth"]
    below = step("list leases", lambda: sys_.list_leases("auth/token/create")["data"]["keys"])
    lease = "auth/token/create/" + [key for key in below if not key.endswith("/")][-1]
    step("read lease", lambda: {**sys_.read_lease(lease)["data"], "id": ""})
    step("read no lease", lambda: sys_.read_lease("kv1/none"))
    step("renew no lease", lambda: sys_.renew_lease("kv1/none"))
    step("revoke no lease", lambda: sys_.revoke_lease("kv1/none"))
    step("revoke prefix", lambda: sys_.revoke_prefix("auth/token/create"))
    step("used after revoke prefix", lambda: as_client(made["client_token"]).auth.token.lookup_self())
    step("revoke force", lambda: sys_.revoke_force("kv1"))


def wrapping():
    step("wrapped create", lambda: client.auth.token.create(policies=["own"], ttl="1h", wrap_ttl="2m")["wrap_info"]["ttl"])
    info = client.read("kv1/generic", wrap_ttl="60s")["wrap_info"]
    step("wrapped read", lambda: {key: info[key] for key in ("ttl", "creation_path")})
    step("lookup wrapping token", lambda: client.write_data("sys/wrapping/lookup", data={"token": info["token"]})["data"])
    step("unwrap", lambda: client.sys.unwrap(info["token"])["data"])
    step("unwrap again", lambda: client.sys.unwrap(info["token"]))
    own = client.sys.wrap({"a": "b"}, ttl=60)["wrap_info"]["token"]
    step("unwrap with the token itself", lambda: as_client(own).sys.unwrap()["data"])
    again = client.sys.wrap({"a": "c"}, ttl=60)["wrap_info"]["token"]
    rewrapped = client.write_data("sys/wrapping/rewrap", data={"token": again})["wrap_info"]["token"]
    step("unwrap rewrapped", lambda: client.sys.unwrap(rewrapped)["data"])
    step("use of wrapping token for another thing", lambda: as_client(client.sys.wrap({"a": "d"})["wrap_info"]["token"]).auth.token.lookup_self())


def rest():
    sys_ = client.sys
    step("unmounted path", lambda: client.secrets.kv.v1.read_secret("a", mount_point="nowhere"))
    step("not a method of that path", lambda: client.delete("sys/mounts"))
    step("key status", lambda: sys_.get_encryption_key_status()["data"]["term"])
    step("rotate", sys_.rotate_encryption_key)
    step("key status after", lambda: sys_.get_encryption_key_status()["data"]["term"])
    step("audit hash of no device", lambda: sys_.calculate_hash("none", "x"))
    step("list audit devices", lambda: sys_.list_enabled_audit_devices()["data"])
    step("ha status", lambda: len(client.read("sys/ha-status")["data"]["nodes"]))
    step("limit", lambda: sys_.create_or_update_quota("calls", rate=1000, interval="2s", path="kv1/"))
    step("read limit", lambda: sys_.read_quota("calls")["data"])
    step("list limits", lambda: sys_.list_quotas()["data"]["keys"])
    step("delete limit", lambda: sys_.delete_quota("calls"))


def ceremonies(keys):
    sys_ = client.sys
    step("no generation", lambda: sys_.read_root_generation_progress())
    started = sys_.start_root_token_generation(otp="a" * 28)
    step("generation", lambda: {"started": started["started"], "required": started["required"]})
    step("generation again", lambda: sys_.start_root_token_generation(otp="a" * 28))
    nonce = started["nonce"]
    step("generation by shares", lambda: [sys_.generate_root(key, nonce)["complete"] for key in keys[:3]])
    sys_.start_root_token_generation(otp="a" * 28)
    step("cancel generation", sys_.cancel_root_generation)
    rekey = sys_.start_rekey(secret_shares=5, secret_threshold=3)
    step("rekey", lambda: {"t": rekey["t"], "n": rekey["n"], "progress": sys_.read_rekey_progress()["progress"]})
    step("cancel rekey", sys_.cancel_rekey)
    rekey = sys_.start_rekey(secret_shares=5, secret_threshold=3)
    made = sys_.rekey_multi(keys[:3], nonce=rekey["nonce"])
    step("rekeyed", lambda: {"complete": made["complete"], "keys": len(made["keys"])})
    step("backup", lambda: sys_.read_backup_keys())
    return made["keys"]


def seal(keys):
    step("seal", client.sys.seal)
    step("is sealed", client.sys.is_sealed)
    step("read after seal", lambda: client.secrets.kv.v1.read_secret("generic", mount_point="kv1"))
    step("two shares", lambda: [client.sys.submit_unseal_key(key)["progress"] for key in keys[:2]])
    broken = ("00" if keys[2][:2] != "00" else "01") + keys[2][2:]
    step("a broken share", lambda: client.sys.submit_unseal_key(broken))
    step("progress after it", lambda: client.sys.read_seal_status()["progress"])
    step("unseal again", lambda: client.sys.submit_unseal_keys(keys[:3])["sealed"])
    step("everything is still there", lambda: client.read("kv1/generic")["data"])


shares = initialise()
for part in (mounts, kv_v1, kv_v2, policies, tokens, leases, wrapping, rest):
    part()
seal(ceremonies(shares))
