"""One turn of one system: so many messages, and what they took."""

from scripts.benchmarks.mailing.mass_mail import MassMail
from scripts.benchmarks.mailing.sink import Sink
from scripts.benchmarks.mailing.system import Sender
from scripts.benchmarks.samples import Samples
from scripts.benchmarks.server import Server

RATE = "messages"
SENDER_CPU = "CPU a message, sender"
CLUSTER_CPU = "CPU a message, PostgreSQL"
SINK_CPU = "CPU a message, smtp-sink"


async def measure(system: Sender, count: int, sink: Sink, server: Server, samples: Samples) -> None:
    """Measure it; what the sink has taken must be what the system says that it has sent."""
    messages, sink_cpu, cluster_cpu = sink.messages(), sink.cpu(), server.cpu()
    sent = await system.send(count, sink.port)
    cluster_cpu_after = server.cpu()
    sink.check(messages, count, system.name)
    samples.add(RATE, system.name, count / sent.seconds)
    samples.add(SENDER_CPU, system.name, sent.cpu / count * 1e6)
    samples.add(SINK_CPU, system.name, (sink.cpu() - sink_cpu) / count * 1e6)
    if isinstance(system, MassMail) and cluster_cpu is not None and cluster_cpu_after is not None:
        samples.add(CLUSTER_CPU, system.name, (cluster_cpu_after - cluster_cpu) / count * 1e6)
