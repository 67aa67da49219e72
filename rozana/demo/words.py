"""What the demo's presidents write: ordinary days, in Hindi and in English. Places and persons are left out."""

HINDI = (
    "आज तीन बूथ समितियों की बैठक हुई। सदस्यता अभियान की सूची मिला ली गई।",
    "गाँवों का दौरा किया। किसानों ने खाद की कमी और बिजली कटौती की बात उठाई।",
    "ज़िला कार्यालय में कार्यकर्ताओं की समस्याएँ सुनी गईं। पाँच का समाधान मौके पर हुआ।",
    "महिला मोर्चा के साथ बैठक। अगले सप्ताह की पदयात्रा का मार्ग तय हुआ।",
    "वर्षा के कारण कार्यक्रम टला। मंडल अध्यक्षों से फ़ोन पर बात की।",
    "युवा कार्यकर्ताओं का प्रशिक्षण। सोशल मीडिया की टोली बनाई गई।",
    "आज कोई कार्यक्रम नहीं था। कार्यालय में बैठा, पत्रों के उत्तर दिए।",
)
ENGLISH = (
    "Three booth committees met; two more are to be formed this week.",
    "Visited villages along the canal. Farmers spoke of fertiliser and of power cuts.",
    "Heard workers at the district office. Five matters were settled on the spot.",
    "Met the women's wing; the route of next week's march is fixed.",
    "Rain: the programme is put off. Spoke with the block presidents by telephone.",
    "Training for young workers. A team for social media was formed.",
    "No programme today. Sat in the office and answered letters.",
)
