# What the walks with hvac share: a step prints one line of JSON, with what came back or which exception of hvac's.

import json

import hvac
import requests


def shown(value):
    if isinstance(value, requests.Response):
        return {"status": value.status_code, **({"body": value.json()} if value.content else {})}
    return value


def step(name, call):
    """Prints what came back, or which exception of hvac's; the value is handed on."""
    try:
        value = call()
    except hvac.exceptions.VaultError as error:
        print(json.dumps({"step": name, "error": type(error).__name__, "message": str(error)}), flush=True)
        return None
    print(json.dumps({"step": name, "value": shown(value)}), flush=True)
    return value
