"""All rules, as data."""

from services.notifier.rules.due_soon import DUE_SOON
from services.notifier.rules.grievance_raised import GRIEVANCE_RAISED
from services.notifier.rules.missed_report import MISSED_REPORT
from services.notifier.rules.rule import AlertRule

RULES: tuple[AlertRule, ...] = (DUE_SOON, MISSED_REPORT, GRIEVANCE_RAISED)
