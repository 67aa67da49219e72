"""All rules, as data."""

from typing import Any

from services.notifier.rules.due_soon import DUE_SOON
from services.notifier.rules.escalation import ESCALATION
from services.notifier.rules.grievance_overdue import GRIEVANCE_OVERDUE
from services.notifier.rules.grievance_raised import GRIEVANCE_RAISED
from services.notifier.rules.grievance_surge import GRIEVANCE_SURGE
from services.notifier.rules.judgement_held import JUDGEMENT_HELD
from services.notifier.rules.left_unacknowledged import LEFT_UNACKNOWLEDGED
from services.notifier.rules.missed_report import MISSED_REPORT
from services.notifier.rules.praise import PERFECT_WEEK, RECOVERED
from services.notifier.rules.rule import AlertRule

RULES: tuple[AlertRule[Any], ...] = (
    DUE_SOON,
    MISSED_REPORT,
    JUDGEMENT_HELD,
    RECOVERED,
    PERFECT_WEEK,
    ESCALATION,
    LEFT_UNACKNOWLEDGED,
    GRIEVANCE_RAISED,
    GRIEVANCE_OVERDUE,
    GRIEVANCE_SURGE,
)
