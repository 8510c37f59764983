"""Bodies that say why."""

from __future__ import annotations

from rest_framework import serializers

from sync.api.strict import StrictSerializer

LONGEST = 500


class WhySerializer(StrictSerializer):
    """Why; it is kept in the audit trail."""

    reason = serializers.CharField(max_length=LONGEST)


class CorrectSerializer(WhySerializer):
    """Why, and on which day the correction is posted."""

    posting_date = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="Left out: its own day, or the first open one after."
    )
