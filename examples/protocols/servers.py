"""Servers to probe: DNS on port 5300, SMTP on 2500, gRPC on 5005 and WebSocket on 5006, until Ctrl-C."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import dns.message
import dns.rrset
import grpc.aio
from aiosmtpd.smtp import SMTP
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from websockets.asyncio.server import serve

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

RECORDS = {"A": "192.0.2.1", "SOA": "ns1.shop.example. hostmaster.shop.example. 2026010100 3600 600 86400 60"}


class NameServer(asyncio.DatagramProtocol):
    """A name server that knows one name."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query."""
        query = dns.message.from_wire(data)
        kind = query.question[0].rdtype.name
        response = dns.message.make_response(query)
        if kind in RECORDS:
            response.answer.append(dns.rrset.from_text("shop.example.", 60, "IN", kind, RECORDS[kind]))
        self.transport.sendto(response.to_wire(), addr)


async def answer_pings(connection: ServerConnection) -> None:
    """Answer each message."""
    async for _ in connection:
        await connection.send("pong")


async def run_servers() -> None:
    """Start all servers and wait for ever."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 5300))
    await loop.create_server(lambda: SMTP(object(), hostname="mail.shop.example"), "127.0.0.1", 2500)
    servicer = health.HealthServicer()
    for service in ("", "payments.Cards"):
        servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
    payments = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, payments)
    payments.add_insecure_port("127.0.0.1:5005")
    await payments.start()
    async with serve(answer_pings, "127.0.0.1", 5006):
        print("ready", flush=True)  # noqa: T201 - for whoever started this
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run_servers())
