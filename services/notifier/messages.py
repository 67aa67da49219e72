"""What people read, in Hindi and in English: short, and nothing that its reader may not know. Pure.

To add a rule's words: an entry in WORDS. A rule without any is told by its name, so that nothing is kept back for want
of words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from libs.events.alerts import ON_GRIEVANCES, Rule
from services.notifier.channels.channel import About, Language, Message


@dataclass(frozen=True, slots=True)
class Letter:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Of one rule in one language. Each may hold {district} {day} {level} {count}.

    one, many: the title for one alert, and for several. line: what the text says of each; "" where it says no more.
    """

    one: str
    many: str
    line: str
    end: str


MONTHS: Mapping[Language, tuple[str, ...]] = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "hi": ("जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"),
}
WORDS: Mapping[Rule, Mapping[Language, Words]] = {
    Rule.MISSED_REPORT: {
        "en": Words(
            "No report from {district} for {day}",
            "No report from {count} districts for {day}",
            "{district}: no report for {day} (level {level})",
            "A report that is filed now is counted as late, and ends the alert.",
        ),
        "hi": Words(
            "{district} से {day} की रिपोर्ट नहीं आई",
            "{count} ज़िलों से {day} की रिपोर्ट नहीं आई",
            "{district}: {day} की रिपोर्ट नहीं आई (स्तर {level})",
            "अब भेजी गई रिपोर्ट देर से मानी जाएगी, और यह सूचना समाप्त हो जाएगी।",
        ),
    },
    Rule.DUE_SOON: {
        "en": Words(
            "The report from {district} for {day} is still due",
            "The reports from {count} districts for {day} are still due",
            "{district}: the report for {day} is still due",
            "Once it is filed, nothing more is to be done.",
        ),
        "hi": Words(
            "{district} की {day} की रिपोर्ट अभी बाकी है",
            "{count} ज़िलों की {day} की रिपोर्ट अभी बाकी है",
            "{district}: {day} की रिपोर्ट अभी बाकी है",
            "रिपोर्ट भेजने के बाद और कुछ नहीं करना है।",
        ),
    },
    Rule.LEFT_UNACKNOWLEDGED: {
        "en": Words(
            "Alerts of {day} were left lying: {district}",
            "Alerts of {day} were left lying in {count} states",
            "{district}: nobody has taken care of an alert of {day} before it went up",
            "It ends when the state office has acknowledged what is open.",
        ),
        "hi": Words(
            "{district}: {day} की सूचनाओं पर ध्यान नहीं दिया गया",
            "{count} राज्यों में {day} की सूचनाओं पर ध्यान नहीं दिया गया",
            "{district}: {day} की सूचना पर समय रहते किसी ने ध्यान नहीं दिया",
            "राज्य कार्यालय के संज्ञान लेने पर यह समाप्त हो जाएगी।",
        ),
    },
    Rule.RECOVERED: {
        "en": Words(
            "{district} reports in time again",
            "{count} districts report in time again",
            "{district}: the report for {day} came in time, after days of silence",
            "Thank you.",
        ),
        "hi": Words(
            "{district} की रिपोर्ट फिर समय पर आई",
            "{count} ज़िलों की रिपोर्ट फिर समय पर आई",
            "{district}: कई दिन बाद {day} की रिपोर्ट समय पर आई",
            "धन्यवाद।",
        ),
    },
    Rule.PERFECT_WEEK: {
        "en": Words(
            "{district}: every report in time, week {day}",
            "{count} districts: every report in time, week {day}",
            "{district}: every report of week {day} came in time",
            "Thank you, and well done.",
        ),
        "hi": Words(
            "{district}: सप्ताह {day} की हर रिपोर्ट समय पर",
            "{count} ज़िले: सप्ताह {day} की हर रिपोर्ट समय पर",
            "{district}: सप्ताह {day} की हर रिपोर्ट समय पर आई",
            "धन्यवाद, और शाबाश।",
        ),
    },
    Rule.JUDGEMENT_HELD: {
        "en": Words(
            "{day} is not judged yet: an unusual number of districts is silent ({district})",
            "{count} judgements are held: unusual numbers of districts are silent",
            "{district}: {day}",
            "Find out whether their reports could reach us. The state office or AICC confirms the judgement.",
        ),
        "hi": Words(
            "{day} का निर्णय रुका है: असाधारण संख्या में ज़िलों की रिपोर्ट नहीं आई ({district})",
            "{count} निर्णय रुके हैं: असाधारण संख्या में ज़िलों की रिपोर्ट नहीं आई",
            "{district}: {day}",
            "देखें कि क्या रिपोर्टें हम तक पहुँच पा रही थीं। निर्णय की पुष्टि प्रदेश कार्यालय या AICC करता है।",
        ),
    },
    Rule.GRIEVANCE_RAISED: {
        "en": Words("A grievance has come in", "A grievance has come in", "", "It waits in Rozana, for you to open."),
        "hi": Words("एक शिकायत आई है", "एक शिकायत आई है", "", "वह रोज़ाना में है; कृपया उसे खोलकर देखें।"),
    },
    Rule.GRIEVANCE_OVERDUE: {
        "en": Words("A grievance is overdue", "Grievances are overdue", "", "See in Rozana which; it waits for you."),
        "hi": Words("एक शिकायत का उत्तर बाकी है", "शिकायतों के उत्तर बाकी हैं", "", "कृपया रोज़ाना में देखें।"),
    },
    Rule.GRIEVANCE_SURGE: {
        "en": Words("Far more grievances than usual", "Far more grievances than usual", "", "See in Rozana where."),
        "hi": Words("सामान्य से बहुत अधिक शिकायतें", "सामान्य से बहुत अधिक शिकायतें", "", "कृपया रोज़ाना में देखें कि कहाँ।"),
    },
}
PLAIN: Mapping[Language, Words] = {
    "en": Words("{rule}: {district}, {day}", "{rule}: {count} districts, {day}", "{district}: {day}", ""),
    "hi": Words("{rule}: {district}, {day}", "{rule}: {count} ज़िले, {day}", "{district}: {day}", ""),
}
MIXED: Mapping[Language, str] = {
    "en": "{count} messages beyond your number for a day",
    "hi": "एक दिन की सीमा से अधिक {count} सूचनाएँ",
}
TEST: Mapping[Language, Letter] = {
    "en": Letter("A test from Rozana", "If you read this, messages reach you here. Nothing is to be done."),
    "hi": Letter("रोज़ाना की जाँच", "यदि आप यह पढ़ रहे हैं, तो सूचनाएँ यहाँ पहुँचती हैं। कुछ नहीं करना है।"),
}


def letter(message: Message, language: Language) -> Letter:
    """The words of a message, for a reader of this language."""
    about = message.about
    if not about:
        return TEST[language]
    words = _words(about[0], language)
    if len({alert.rule for alert in about}) > 1:
        title = MIXED[language].format(count=len(about))
        ends: list[str] = []
    else:
        title = _filled(words.one if len(about) == 1 else words.many, about[0], language, len(about))
        ends = [words.end]
    lines = [_filled(_words(alert, language).line, alert, language, len(about)) for alert in about]
    text = "\n".join(line for line in dict.fromkeys([*lines, *ends]) if line)
    return Letter(title, text)


def _words(alert: About, language: Language) -> Words:
    if alert.rule in ON_GRIEVANCES and alert.rule not in WORDS:
        return WORDS[Rule.GRIEVANCE_RAISED][language]  # that there is one, and no more
    return WORDS[alert.rule][language] if alert.rule in WORDS else PLAIN[language]


def _filled(text: str, alert: About, language: Language, count: int) -> str:
    name = (alert.name_hi or alert.name_en) if language == "hi" else alert.name_en
    return text.format(
        rule=alert.rule.value,
        district=name or alert.subject,
        day=_day(alert.period, language),
        level=alert.level,
        count=count,
    )


def _day(period: str, language: Language) -> str:
    """`23 November 2026`; what is no day as it is."""
    try:
        day = date.fromisoformat(period)
    except ValueError:
        return period
    return f"{day.day} {MONTHS[language][day.month - 1]} {day.year}"
