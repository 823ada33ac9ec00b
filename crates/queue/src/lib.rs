//! The durable queue: its contract, group publish, and the RabbitMQ backend.
