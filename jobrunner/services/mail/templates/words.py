"""The few words that mails of every kind contain, by language."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Of one language."""

    unsubscribe: str
    """The text of the link in a mailing."""
    yes: str
    no: str


ENGLISH = Words("Unsubscribe", "Yes", "No")

LANGUAGES: Mapping[str, Words] = {
    "en": ENGLISH,
    "de": Words("Abmelden", "Ja", "Nein"),
    "es": Words("Darse de baja", "Sí", "No"),
    "fr": Words("Se désabonner", "Oui", "Non"),
    "it": Words("Annulla l’iscrizione", "Sì", "No"),
    "nl": Words("Afmelden", "Ja", "Nee"),
    "pl": Words("Wypisz się", "Tak", "Nie"),
    "pt": Words("Cancelar a inscrição", "Sim", "Não"),
}
