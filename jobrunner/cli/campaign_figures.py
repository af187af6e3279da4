"""The figures of a campaign or a mass e-mail, as people read them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.services.massmail.campaigns.figures import Figures


def shown_figures(figures: "Figures") -> dict[str, str]:
    """Return figures as people read them: `12 (3.45 %), and 4 by machines only`."""

    def with_share(count: int, machines: int | None = None) -> str:
        share = figures.percentage(count)
        text = f"{count:,}" + ("" if share is None else f" ({share:.2f} %)")
        return text if not machines else f"{text}, and {machines:,} by machines only"

    return {
        "sent": f"{figures.sent:,}",
        "opened": with_share(figures.opened, figures.opened_by_machines),
        "clicked": with_share(figures.clicked, figures.clicked_by_machines),
        "opted_out": with_share(figures.opted_out),
        "bounced_hard": with_share(figures.bounced_hard),
        "bounced_soft": with_share(figures.bounced_soft),
        "leads_created": f"{figures.leads_created:,}",
    }
