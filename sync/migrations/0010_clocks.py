"""A clock has one schedule: its name is unique. Journals that are not tied out are found among all others."""

from django.db import migrations, models

DOUBLES = """
    DELETE FROM django_q_schedule spare USING django_q_schedule kept
    WHERE spare.name = kept.name AND spare.id > kept.id
"""
ONE_EACH = "CREATE UNIQUE INDEX IF NOT EXISTS sync_schedule_name_once ON django_q_schedule (name text_pattern_ops)"


class Migration(migrations.Migration):
    dependencies = [("sync", "0009_notices")]

    operations = [
        migrations.RunSQL(DOUBLES, migrations.RunSQL.noop),
        migrations.RunSQL(ONE_EACH, "DROP INDEX IF EXISTS sync_schedule_name_once"),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(condition=models.Q(("state", "posted")), fields=["pay_run"], name="posting_untied"),
        ),
    ]
