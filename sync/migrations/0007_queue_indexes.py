"""Indexes on django-q2's tables: its own migrations have none for what is asked every half second."""

from django.db import migrations

QUEUE = 'CREATE INDEX IF NOT EXISTS sync_queue_fair ON django_q_ormq (key COLLATE "C", lock, id)'
SCHEDULES = "CREATE INDEX IF NOT EXISTS sync_schedule_next_run ON django_q_schedule (next_run)"


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_running_by_itself"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(QUEUE, "DROP INDEX IF EXISTS sync_queue_fair"),
        migrations.RunSQL(SCHEDULES, "DROP INDEX IF EXISTS sync_schedule_next_run"),
    ]
