"""A synthetic agency with planted truth: demo data, and worlds in which learners are judged."""
