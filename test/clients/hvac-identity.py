# Drives the identity store of an unsealed server with hvac, and prints one line of JSON per step; hvac-identity.test.ts says what each must be.

import sys

import hvac
from hvac_steps import step

address, token = sys.argv[1], sys.argv[2]
client = hvac.Client(url=address, timeout=10, token=token)
identity = client.secrets.identity


def entities():
    made = step("make an entity", lambda: identity.create_or_update_entity("ann", metadata={"team": "x"}, policies=["p"]))
    ann = made["data"]["id"]
    step("change it", lambda: identity.create_or_update_entity("ann", disabled=False))
    step("read it", lambda: identity.read_entity(ann))
    step("update it by id", lambda: identity.update_entity(ann, policies=["p", "q"]))
    step("read it by name", lambda: identity.read_entity_by_name("ann"))
    bob = step("make one by name", lambda: identity.create_or_update_entity_by_name("bob"))["data"]["id"]
    step("list", lambda: sorted(identity.list_entities()["data"]["keys"]) == sorted([ann, bob]))
    step("list by name", lambda: identity.list_entities_by_name()["data"]["keys"])
    step("look one up", lambda: identity.lookup_entity(name="ann")["data"]["id"] == ann)
    step("look none up", lambda: identity.lookup_entity(name="none"))
    step("read none", lambda: identity.read_entity("none"))
    return ann, bob


def aliases(ann, bob, accessor):
    made = step("make an alias", lambda: identity.create_or_update_entity_alias("ann-token", ann, accessor))
    alias = made["data"]["id"]
    step("read the alias", lambda: identity.read_entity_alias(alias))
    step("update the alias", lambda: identity.update_entity_alias(alias, "ann-again", ann, accessor))
    step("list aliases", lambda: identity.list_entity_aliases()["data"]["keys"] == [alias])
    step("look up by alias", lambda: identity.lookup_entity(alias_name="ann-again", alias_mount_accessor=accessor)["data"]["id"] == ann)
    step("an alias of no mount", lambda: identity.create_or_update_entity_alias("x", ann, "nope"))
    step("merge", lambda: identity.merge_entities([bob], ann))
    step("what was merged", lambda: identity.read_entity(ann)["data"]["merged_entity_ids"] == [bob])
    step("delete the alias", lambda: identity.delete_entity_alias(alias))


def groups(ann, accessor):
    made = step("make a group", lambda: identity.create_or_update_group("devs", policies=["g"], member_entity_ids=[ann]))
    devs = made["data"]["id"]
    step("read the group", lambda: identity.read_group(devs))
    step("update the group", lambda: identity.update_group(devs, "devs", metadata={"floor": "3"}))
    step("make a group by name", lambda: identity.create_or_update_group_by_name("all", member_group_ids=[devs]))
    step("read the group by name", lambda: identity.read_group_by_name("all")["data"]["member_group_ids"] == [devs])
    step("a circle", lambda: identity.update_group(devs, "devs", member_group_ids=[identity.read_group_by_name("all")["data"]["id"]]))
    step("list groups", lambda: len(identity.list_groups()["data"]["keys"]))
    step("list groups by name", lambda: identity.list_groups_by_name()["data"]["keys"])
    step("look a group up", lambda: identity.lookup_group(name="devs")["data"]["id"] == devs)
    outer = step("make an external group", lambda: identity.create_or_update_group("ext", group_type="external"))["data"]["id"]
    alias = step("make a group alias", lambda: identity.create_or_update_group_alias("ext", mount_accessor=accessor, canonical_id=outer))
    alias = alias["data"]["id"]
    step("read the group alias", lambda: identity.read_group_alias(alias))
    step("list group aliases", lambda: identity.list_group_aliases()["data"]["keys"] == [alias])
    step("delete the group alias", lambda: identity.delete_group_alias(alias))
    step("delete the group", lambda: identity.delete_group(devs))
    step("delete the group by name", lambda: identity.delete_group_by_name("all"))
    step("read the deleted group", lambda: identity.read_group(devs))
    step("delete the entity", lambda: identity.delete_entity(ann))
    step("delete an entity by name", lambda: identity.delete_entity_by_name("none"))


mount = client.sys.list_auth_methods()["data"]["token/"]["accessor"]
first, second = entities()
aliases(first, second, mount)
groups(first, mount)
