"""The words by which content is recognised: one lexicon per feature, in English, listed in docs/what.md.

A phrase matches whole words, whatever their case and what stands between them. `*` ends a stem of four letters or more
(`earn*`: earn, earns, earning), `#` stands for digits. A phrase belongs to one level of its feature only.
"""

from __future__ import annotations

from collections.abc import Mapping

Lexicon = Mapping[str, tuple[str, ...]]

BENEFITS = (
    "calmer", "easier", "faster", "simpler", "better", "cheaper", "safer", "more", "less", "fewer", "without",
    "save", "saves", "saving", "grow", "growing", "boost*", "double", "cut", "win", "gain", "improve*", "free up",
    "free yourself",
)  # fmt: skip
"""In a subject that is no question, holds no number and names nobody: it promises something."""

CTAS: Lexicon = {
    "book_call": (
        "a call", "quick call", "short call", "# minutes", "#-minute", "book a time", "book a slot", "book a meeting",
        "book a demo", "schedule a", "my calendar", "grab a time", "find a time", "time to talk", "time to chat",
        "open to a chat", "quick chat", "hop on", "jump on", "worth a conversation", "meet up", "calendly",
        "suit you", "free to talk", "free this week", "free next week",
    ),
    "reply": (
        "reply", "just answer", "hit reply", "write back", "drop me a line", "let me know", "say yes", "send me a yes",
        "a quick yes", "are you interested", "interested in", "what do you think", "tell me",
    ),
    "watch_demo": (
        "film", "video", "watch", "recording", "webinar", "demo video", "see it in action", "two-minute tour",
        "walkthrough", "screencast", "loom",
    ),
    "download": (
        "download", "checklist", "guide", "whitepaper", "white paper", "e-book", "ebook", "template is yours",
        "report is yours", "get the report", "get your copy", "pdf", "attached", "yours to keep",
    ),
    "referral": (
        "right person", "person in charge", "point me to", "point me towards", "who handles", "who looks after",
        "someone else", "a colleague", "pass this on", "forward this", "introduce me", "know anyone", "know someone",
    ),
}  # fmt: skip

ANGLES: Lexicon = {
    "roi": (
        "roi", "return on", "earn the cost back", "earn it back", "pays for itself", "pay for itself", "payback",
        "cost back", "per cent", "percent", "revenue", "profit*", "margin*", "save money", "savings", "cheaper",
        "cut costs", "lower costs",
    ),
    "social_proof": (
        "neighbours", "neighbors", "switched to us", "clients like", "customers like", "firms like yours",
        "companies like yours", "businesses like yours", "trusted by", "rated", "reviews", "testimonial*",
        "case study", "case studies", "recommended by", "competitors", "peers", "already use",
        "joined us", "worked with",
    ),
    "urgency": (
        "place is left", "places left", "spots left", "last place", "last chance", "deadline", "only until", "ends on",
        "ends today", "ends tomorrow", "ends this", "expires", "today only", "this week only", "before friday",
        "before monday", "hurry", "act now", "limited time", "limited places", "closing soon", "running out",
        "final call", "one place", "last day",
    ),
    "curiosity": (
        "overlook*", "one thing that", "the one thing", "secret*", "surpris*", "did you know", "little-known",
        "unexpected*",
        "you may not know", "what nobody", "nobody tells you", "the reason why", "turns out", "strange*", "mystery",
        "counterintuitive", "wonder*", "hidden",
    ),
    "pain": (
        "costs them their", "costs you your", "struggl*", "tired of", "frustrat*", "headache*", "pain*", "stress*",
        "wast*", "losing", "overwhelm*", "nightmare", "stuck", "burnt out", "burned out", "sick of", "evenings",
        "annoy*", "worr*",
    ),
}  # fmt: skip

PAIN_POINTS: Lexicon = {
    "lead_flow": (
        "enquir*", "inquir*", "lead flow", "leads", "pipeline", "more clients", "more customers", "enough clients",
        "enough work", "empty calendar", "prospects", "feast and famine",
    ),
    "admin_time": (
        "admin", "administration", "paperwork", "admin hours", "data entry", "spreadsheet*", "manual work", "busywork",
    ),
    "staff_turnover": (
        "staff", "staff turnover", "retention", "hiring", "recruit*", "resign*", "vacanc*", "people leaving",
        "attrition",
    ),
    "cash_flow": (
        "late payment*", "late payers", "cash flow", "cashflow", "unpaid", "overdue", "invoices", "debtors",
    ),
    "visibility": (
        "search ranking", "visibility", "google", "seo", "website traffic", "found online", "nobody finds", "rankings",
        "brand awareness",
    ),
}  # fmt: skip

NOT_CONTENT = (
    "reply stop", "text stop", "send stop", "reply stop to opt out", "stop to opt out", "stop to end", "opt out",
    "unsubscribe",
)  # fmt: skip
"""Every message must offer these; a sentence that does is no call to action, and no evidence of anything else."""

YOU = ("you", "your", "yours", "yourself", "you're", "you'll", "you've", "you'd")
SUPERLATIVES = (
    "most", "best", "worst", "greatest", "biggest", "ever", "amazing", "incredible", "perfect", "ultimate", "top",
    "awesome", "brilliant", "beautiful", "smartest", "funniest", "coolest", "finest",
)  # fmt: skip
NEGATIVES = (
    "never", "no", "not", "nobody", "nothing", "none", "worst", "hate", "stop", "wrong", "bad", "don't", "can't",
    "won't", "isn't", "doesn't", "didn't", "aren't", "wasn't", "couldn't", "shouldn't", "cannot", "without",
)  # fmt: skip
PERSONS = (
    "he", "she", "his", "her", "him", "hers", "man", "woman", "men", "women", "girl", "girls", "guy", "guys", "boy",
    "boys", "mom", "dad", "mother", "father", "kid", "kids", "lady", "teen", "son", "daughter",
)  # fmt: skip
DEIXIS = ("this", "these", "here", "here's")
HOW_WHY = ("how", "why", "what", "when", "where", "who")
ACRONYMS = frozenset(
    {"US", "UK", "EU", "UN", "USA", "TV", "CEO", "CFO", "OK", "AI", "IT", "HR", "PR", "DVD", "FBI", "NASA", "NYC"}
)
"""Capitals that nobody shouts."""
