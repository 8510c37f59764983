"""Totals over all companies for whoever operates the installation: numbers only, of which none tells whose they are.

Each part reads an index over what is open now, or the rows of the last day from the end of the primary key.
"""

from __future__ import annotations

TOTALS_READ = frozenset(
    {
        "connectors_accesstoken",
        "connectors_connection",
        "connectors_ratebudget",
        "sync_delivery",
        "sync_dispatch",
        "sync_flow",
        "sync_integration",
        "sync_notice",
        "sync_posting",
        "sync_run",
        "sync_slot",
        "sync_timing",
    }
)
"""Tables of companies that ``mlc_totals`` reads."""

TOTALS = """
    CREATE OR REPLACE FUNCTION mlc_totals(now timestamptz)
    RETURNS TABLE (metric text, label text, state text, value double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
        WITH runs AS (
            SELECT flow.kind AS flow_kind, run.state, run.kind = 'preview' AS preview, count(*) AS so_many,
                   sum(created) AS created, sum(updated) AS updated, sum(terminated) AS terminated,
                   sum(rehired) AS rehired, sum(transferred) AS transferred, sum(unchanged) AS unchanged,
                   sum(blocked) AS blocked, sum(rejected) AS rejected
              FROM sync_run run JOIN sync_flow flow ON flow.id = run.flow_id
             WHERE run.id > coalesce((SELECT id FROM sync_run WHERE created_at < now - interval '1 day'
                                       ORDER BY id DESC LIMIT 1), 0)
             GROUP BY 1, 2, 3
        ), clocks AS (
            SELECT wound.due FROM (
                SELECT next_run_at AS due, integration_id FROM sync_flow WHERE NOT paused AND every_minutes IS NOT NULL
                UNION ALL
                SELECT timing.next_at, flow.integration_id FROM sync_timing timing
                  JOIN sync_flow flow ON flow.id = timing.flow_id AND NOT flow.paused
            ) wound
             WHERE wound.due < now AND NOT EXISTS (
                   SELECT FROM sync_integration pair
                     JOIN connectors_connection side ON side.id IN (pair.source_id, pair.target_id)
                    WHERE pair.id = wound.integration_id AND side.state = 'paused')
        ), slots AS (
            SELECT * FROM sync_slot
             WHERE id > coalesce((SELECT id FROM sync_slot WHERE due_at < now - interval '1 day'
                                   ORDER BY id DESC LIMIT 1), 0)
        ), jobs AS (
            SELECT split_part(key, ':', 1) AS queue, lock, split_part(key, ':', 3) <> '' AND lock > now AS in_hand
              FROM django_q_ormq
        )
        SELECT 'runs_day', flow_kind::text, state::text, sum(so_many)::float8 FROM runs GROUP BY 2, 3
        UNION ALL
        SELECT 'settled_day', done.what, '', sum(done.people) FROM runs, LATERAL (VALUES
               ('created', created), ('updated', updated), ('terminated', terminated), ('rehired', rehired),
               ('transferred', transferred), ('unchanged', unchanged), ('blocked', blocked), ('rejected', rejected)
               ) AS done (what, people)
         WHERE flow_kind = 'people' AND NOT preview GROUP BY 2
        UNION ALL
        SELECT 'runs_active', flow.kind, run.state, count(*) FROM sync_run run JOIN sync_flow flow
            ON flow.id = run.flow_id WHERE run.state IN ('scheduled', 'fetching', 'applying') GROUP BY 2, 3
        UNION ALL
        SELECT 'run_waiting_seconds', '', '', extract(epoch FROM now - min(created_at)) FROM sync_run
         WHERE state = 'scheduled'
        UNION ALL
        SELECT 'queue_jobs', queue, CASE WHEN in_hand THEN 'in_hand' WHEN lock > now THEN 'not_due' ELSE 'waiting' END,
               count(*) FROM jobs GROUP BY 2, 3
        UNION ALL
        SELECT 'queue_oldest_seconds', queue, '', extract(epoch FROM now - min(lock)) FROM jobs WHERE lock <= now
         GROUP BY 2
        UNION ALL
        SELECT 'clock_overdue_seconds', '', '', extract(epoch FROM now - min(due)) FROM clocks
        UNION ALL
        SELECT 'slot_late_seconds', '', '', extract(epoch FROM max(settled_at - due_at)) FROM slots
         WHERE settled_at > now - interval '1 hour' AND slots.state = 'started'
        UNION ALL
        SELECT 'slots_missed', '', '', count(*) FROM sync_slot WHERE state = 'missed'
        UNION ALL
        SELECT 'connections', '', state, count(*) FROM connectors_connection GROUP BY 3
        UNION ALL
        SELECT 'connections_slowed', '', '', count(*) FROM connectors_ratebudget
         WHERE slowed_at > now - interval '1 hour'
        UNION ALL
        SELECT 'tokens', '', CASE WHEN refused_at IS NOT NULL THEN 'refused' WHEN expires_at < now THEN 'expired'
               ELSE 'valid' END, count(*) FROM connectors_accesstoken GROUP BY 3
        UNION ALL
        SELECT 'token_expires_seconds', '', '', extract(epoch FROM min(expires_at) - now) FROM connectors_accesstoken
         WHERE expires_at >= now AND refused_at IS NULL
        UNION ALL
        SELECT 'deliveries', '', state, count(*) FROM sync_delivery WHERE state IN ('pending', 'asked') GROUP BY 3
        UNION ALL
        SELECT 'delivery_oldest_seconds', '', '', extract(epoch FROM now - min(received_at)) FROM sync_delivery
         WHERE state IN ('pending', 'asked')
        UNION ALL
        SELECT 'notices_open', kind, '', count(*) FROM sync_notice WHERE resolved_at IS NULL GROUP BY 2
        UNION ALL
        SELECT 'messages_waiting', '', '', count(*) FROM sync_dispatch WHERE next_at IS NOT NULL
        UNION ALL
        SELECT 'journals', '', state, count(*) FROM sync_posting
         WHERE state IN ('drafted', 'approved', 'posting', 'verifying', 'attention', 'posted') GROUP BY 3
        UNION ALL
        SELECT 'journal_verifying_seconds', '', '', extract(epoch FROM now - min(sent_at)) FROM sync_posting
         WHERE state = 'verifying'
        UNION ALL
        SELECT 'workers_alive', split_part(name, ':', 2), '', count(*) FROM sync_heartbeat
         WHERE name LIKE 'cluster:%' AND at > now - interval '90 seconds' GROUP BY 2
    $$
"""
"""(metric, label, state, value); a value is NULL where there is nothing to measure."""
