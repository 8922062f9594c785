"""Tombstones give up the name they kept in clear: each keeps an HMAC of it instead.

Written out here, for a migration must not follow the service as it changes.
"""

import base64
import hashlib
import hmac
import secrets
import unicodedata

from django.db import migrations

AT_ONCE = 1_000


def seal(apps, schema_editor):
    people = apps.get_model("customers", "Customer").objects
    kept_keys = apps.get_model("customers", "TombstoneKey").objects
    keys = {}
    while found := list(
        people.exclude(erased_at=None).exclude(external_id=None).values_list("id", "app_id", "external_id")[:AT_ONCE]
    ):
        for customer_id, app_id, external_id in found:
            if app_id not in keys:
                made = base64.b64encode(secrets.token_bytes(32)).decode()
                keys[app_id] = base64.b64decode(kept_keys.get_or_create(app_id=app_id, defaults={"key": made})[0].key)
            name = unicodedata.normalize("NFC", external_id).encode()
            sealed = hmac.digest(keys[app_id], name, hashlib.sha256)
            people.filter(pk=customer_id).update(external_id=None, erased_key=sealed)


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_identity")]
    operations = [migrations.RunPython(seal, migrations.RunPython.noop)]
