-- One row a variant of a randomised message test that had ended by :as_of, with the marks of style in its text.
--
-- Optional: where the source has no such table, there are no tests. Placeholders: :as_of and :now (moments), :split
-- (the stream's share of the rows). A row without a date was there before any as-of.
--
-- split: learnback.message_tests as t
SELECT t.tenant_id,
       t.test,
       t.text,
       t.shown,
       t.converted,
       t.tested_at,
       t.question,
       t.number,
       t.you,
       t.superlative,
       t.negative,
       t.person,
       t.deixis,
       t.how_why,
       t.list,
       t.quote,
       t.exclaim,
       t.ellipsis,
       t.all_caps,
       t.two_sentences,
       t.short,
       t.long
FROM learnback.message_tests AS t
WHERE (t.tested_at > :as_of AND t.tested_at <= :now) IS NOT TRUE
  AND :split
