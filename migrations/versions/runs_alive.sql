-- Which process works on a run, as declared in store/tables/runs.py; and what the learner may delete when it prunes.

ALTER TABLE learnback.runs
    ADD COLUMN host text,
    ADD COLUMN pid bigint,
    ADD COLUMN born double precision;

-- Patterns, heads, the audit log, quarantine, priors, plans and costs are not here: they are never deleted.
GRANT DELETE ON learnback.runs, learnback.slices TO learnback_learner;
GRANT DELETE ON learnback.verdicts, learnback.planned_touches, learnback.batches, learnback.batch_items
    TO learnback_learner;

CREATE INDEX runs_opened_at_idx ON learnback.runs (opened_at);
