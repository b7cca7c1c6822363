# Drives approle and userpass of an unsealed server with hvac, and prints one line of JSON per step; hvac-approle.test.ts says what each must be.

import sys

import hvac
from hvac_steps import step

address, token = sys.argv[1], sys.argv[2]
client = hvac.Client(url=address, timeout=10, token=token)
approle = client.auth.approle
userpass = client.auth.userpass


def stranger(own=None):
    return hvac.Client(url=address, timeout=10, token=own)


def roles():
    step("enable approle", lambda: client.sys.enable_auth_method("approle", description="machines"))
    step("tune it", lambda: client.sys.tune_auth_method("approle", max_lease_ttl="4h"))
    step("read the tuning", lambda: client.sys.read_auth_method_tuning("approle"))
    step(
        "make a role",
        lambda: approle.create_or_update_approle("app", token_policies=["default"], token_ttl="20m", secret_id_num_uses=3),
    )
    step("read the role", lambda: approle.read_role("app"))
    step("list roles", lambda: approle.list_roles())
    step("read none", lambda: approle.read_role("none"))
    step("set the role id", lambda: approle.update_role_id("app", "the-app"))
    step("read the role id", lambda: approle.read_role_id("app"))


def secret_ids():
    made = step("make a secret id", lambda: approle.generate_secret_id("app", metadata={"host": "a"}))["data"]
    step("choose one", lambda: approle.create_custom_secret_id("app", "mine", metadata={"host": "b"}))
    step("list accessors", lambda: len(approle.list_secret_id_accessors("app")["data"]["keys"]))
    step("look it up", lambda: approle.read_secret_id("app", made["secret_id"]))
    step("look it up by accessor", lambda: approle.read_secret_id_accessor("app", made["secret_id_accessor"]))
    step("log in", lambda: stranger().auth.approle.login("the-app", made["secret_id"]))
    step("log in with the chosen one", lambda: stranger().auth.approle.login("the-app", "mine")["auth"]["metadata"])
    machine = stranger()
    machine.auth.approle.login("the-app", made["secret_id"])
    step("is authenticated", machine.is_authenticated)
    step("renew", lambda: machine.auth.token.renew_self()["auth"]["renewable"])
    wrapped = step("make one wrapped", lambda: approle.generate_secret_id("app", wrap_ttl="60s"))
    step("unwrap it", lambda: sorted(stranger(wrapped["wrap_info"]["token"]).sys.unwrap()["data"]))
    step("destroy by accessor", lambda: approle.destroy_secret_id_accessor("app", made["secret_id_accessor"]))
    step("destroy", lambda: approle.destroy_secret_id("app", "mine"))
    step("log in without either", lambda: stranger().auth.approle.login("the-app", "mine"))
    step("delete the role", lambda: approle.delete_role("app"))
    step("list no roles", lambda: approle.list_roles())


def users():
    step("enable userpass", lambda: client.sys.enable_auth_method("userpass"))
    step("make a user", lambda: userpass.create_or_update_user("ann", password="pw", policies="default"))
    step("read the user", lambda: userpass.read_user("ann"))
    step("list users", lambda: userpass.list_user())
    step("log in as ann", lambda: stranger().auth.userpass.login("ann", "pw"))
    step("change the password", lambda: userpass.update_password_on_user("ann", "new"))
    step("log in with the old one", lambda: stranger().auth.userpass.login("ann", "pw"))
    step("delete the user", lambda: userpass.delete_user("ann"))
    step("list methods", lambda: sorted(client.sys.list_auth_methods()["data"]))
    step("disable", lambda: client.sys.disable_auth_method("userpass"))


roles()
secret_ids()
users()
