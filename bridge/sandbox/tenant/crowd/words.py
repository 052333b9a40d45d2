"""What people are called and what they write about, in the languages of an office."""

from __future__ import annotations

GIVEN = (
    "Aisha", "Akira", "Amélie", "Ana", "Anders", "Andrzej", "Anna", "Ángel", "Bilal", "Björn",
    "Camille", "Carlos", "Chiara", "Chloé", "Daniel", "Elena", "Emeka", "Emma", "Fatima", "François",
    "Gülşen", "Hana", "Hans", "Ingrid", "Ivan", "James", "Jana", "João", "José", "Jürgen", "Karim",
    "Kenji", "Lars", "Laura", "Léa", "Li", "Luca", "Łukasz", "Marek", "María", "Mehmet", "Mei",
    "Mohammed", "Nadia", "Ngozi", "Olga", "Oliver", "Paweł", "Petra", "Priya", "Rajesh", "Renée",
    "Søren", "Sofia", "Tomáš", "Tuğba", "Wei", "Yuki", "Zoë", "Żaneta",
)  # fmt: skip
FAMILY = (
    "Adeyemi", "Andersson", "Becker", "Bianchi", "Brown", "Çelik", "Chen", "Costa", "Da Silva",
    "Dubois", "Dvořák", "Fernández", "Fischer", "García", "Gupta", "Hansen", "Horváth", "Ivanova",
    "Jensen", "Johnson", "Kowalski", "Kumar", "Lefèvre", "Li", "Lindqvist", "López", "Martin",
    "Meyer", "Müller", "Nakamura", "Nguyễn", "Nowak", "O'Brien", "Okafor", "Olsen", "Özdemir",
    "Papadopoulos", "Patel", "Petrov", "Rossi", "Sánchez", "Schmidt", "Schröder", "Smith", "Sørensen",
    "Suzuki", "Szabó", "Tanaka", "Taylor", "van den Berg", "Wagner", "Wang", "Weiß", "Wiśniewska",
    "Yıldırım", "Zhang",  # noqa: RUF001 - a Turkish letter
)  # fmt: skip
TOPICS = (
    "Budget", "Release", "Onboarding", "Roadmap", "Umzug Büro", "Website", "Audit", "Proyecto Norte",
    "Weekly sync", "Incident", "Hiring", "Vertrieb DACH", "Équipe produit", "Support L2", "Datenschutz",
    "品質会議", "Marketing 🚀", "Fahrgemeinschaft", "Steering committee", "Lunch & learn",
)  # fmt: skip
CHANNELS = (
    "Announcements", "Architecture", "Design", "Feedback", "Help", "Ideen", "Logistik", "Monitoring",
    "News", "Operations", "Planung", "Random", "Recrutement", "Reports", "Soporte", "Tests",
)  # fmt: skip
EMOJI = (
    ("smile", "🙂", "Smile"), ("laugh", "😆", "Laugh"), ("heart", "❤️", "Heart"),
    ("yes", "👍", "Thumbs up"), ("party", "🎉", "Party popper"), ("coffee", "☕", "Coffee"),
    ("fire", "🔥", "Fire"), ("cry", "😢", "Crying"), ("clap", "👏", "Clap"), ("rocket", "🚀", "Rocket"),
)  # fmt: skip
REACTIONS = ("👍", "❤️", "😆", "😮", "😢", "🎉", "✅", "👀")
LANGUAGES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "Morning! Did anyone look at the numbers for {topic} yet?",
        "I'll be ten minutes late, please start without me.",
        "The build is green again, thanks to whoever fixed it.",
        "Can we move the {topic} meeting to {hour}:30?",
        "ok",
        "Sounds good to me.",
        "Attached is the draft; comments until Friday, please. The second chapter still needs "
        "figures from finance, and I am not sure about the wording of the introduction.",
        "Who has access to the {topic} folder? I get an error there.",
        "Done ✅",
        "lol",
        "We lost the connection to the customer's network at {hour}:12 and got it back five minutes "
        "later. Nothing was lost, but let us write it down.",
    ),
    "de-de": (
        "Guten Morgen zusammen, ist die Präsentation zu {topic} fertig?",
        "Ich bin heute im Homeoffice und ab {hour} Uhr erreichbar.",
        "Passt.",
        "Könntest du bitte kurz drüberschauen? Größere Änderungen gab es nicht.",
        "Die Übergabe verschiebt sich leider auf nächste Woche.",
        "Danke dir!",
        "Mahlzeit 🥪",
        "Wer übernimmt die Vertretung für {topic}?",
    ),
    "fr-fr": (
        "Bonjour à tous, la réunion {topic} est à {hour} h, salle 3.",
        "C'est noté, merci !",
        "Quelqu'un a-t-il déjà validé le devis ?",
        "Je vous envoie ça avant ce soir.",
        "Ça marche.",
    ),
    "es-es": (
        "¿Alguien puede revisar el informe de {topic}?",
        "Perfecto, gracias.",
        "Mañana no estoy, pero leo el chat.",
        "¿A qué hora quedamos? ¿A las {hour}?",
    ),
    "it-it": (
        "Buongiorno, ci sono novità su {topic}?",
        "Va bene, ci sentiamo alle {hour}.",
        "Perfetto 👌",
    ),
    "pl-pl": (
        "Cześć, czy ktoś sprawdził już {topic}?",
        "Dzięki, zaraz na to spojrzę.",
        "Spotkanie o {hour}:00, proszę się nie spóźnić.",
    ),
    "ja-jp": (
        "お疲れ様です。{topic}の資料を更新しました。",
        "承知しました。",
        "{hour}時から会議室を予約しています。",
    ),
    "zh-cn": ("大家好,{topic}的进度怎么样?", "收到,谢谢!", "会议改到{hour}点。"),
    "ar-sa": ("صباح الخير، هل انتهى تقرير {topic}؟", "شكراً جزيلاً", "الاجتماع في الساعة {hour}"),
    "hi-in": ("नमस्ते, {topic} की स्थिति क्या है?", "ठीक है, धन्यवाद।", "बैठक {hour} बजे है।"),
}
