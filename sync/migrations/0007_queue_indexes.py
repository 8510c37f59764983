"""What django-q2's tables lack: indexes for what is asked every half second, and one schedule for each name."""

from django.db import migrations

QUEUE = 'CREATE INDEX IF NOT EXISTS sync_queue_fair ON django_q_ormq (key COLLATE "C", lock, id)'
NEXT_RUN = "CREATE INDEX IF NOT EXISTS sync_schedule_next_run ON django_q_schedule (next_run)"
DOUBLES = """
    DELETE FROM django_q_schedule spare USING django_q_schedule kept
    WHERE spare.name = kept.name AND spare.id > kept.id
"""
ONE_EACH = "CREATE UNIQUE INDEX IF NOT EXISTS sync_schedule_name_once ON django_q_schedule (name text_pattern_ops)"


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_running_by_itself"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(QUEUE, "DROP INDEX IF EXISTS sync_queue_fair"),
        migrations.RunSQL(NEXT_RUN, "DROP INDEX IF EXISTS sync_schedule_next_run"),
        migrations.RunSQL(DOUBLES, migrations.RunSQL.noop),
        migrations.RunSQL(ONE_EACH, "DROP INDEX IF EXISTS sync_schedule_name_once"),
    ]
