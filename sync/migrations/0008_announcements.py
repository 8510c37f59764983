import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0007_queue_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="not_before",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="replay_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replays",
                to="sync.delivery",
            ),
        ),
        migrations.AddField(
            model_name="listening",
            name="heard_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="listening",
            name="heard_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="listening",
            name="feed_at",
            field=models.DateTimeField(
                blank=True, help_text="When the feed is read next; never without one.", null=True
            ),
        ),
        migrations.AddField(
            model_name="listening",
            name="feed_trouble",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="connection",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="connectors.connection",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="run",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="deliveries",
                to="sync.run",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["tenant", "state", "-id"], name="sync_delive_tenant__7d9eab_idx"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("run__isnull", False)), fields=["run"], name="delivery_of_run"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("replay_of__isnull", False)), fields=["replay_of"], name="delivery_replayed"
            ),
        ),
        migrations.AddIndex(
            model_name="listening",
            index=models.Index(
                condition=models.Q(("feed_at__isnull", False)), fields=["feed_at"], name="listening_feed_due"
            ),
        ),
    ]
