//! Settings that are each fine and together are probably a mistake.

use super::{Config, ServeRole};

impl Config {
    /// One sentence for each contradiction, to be warned about at the start.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut warn = |when: bool, text: String| {
            if when {
                found.push(text);
            }
        };
        let split = self.roles.len() < ServeRole::ALL.len();
        let embedded_queue = self.queue.url.is_none();
        let embedded_store = self.store.url.is_none();

        warn(
            split && embedded_queue && embedded_store,
            "the roles are split but store and queue are embedded: the other roles must run on this host with the same \
             data_dir; set queue.url and store.url to spread them"
                .to_owned(),
        );
        warn(
            split && !embedded_queue && embedded_store,
            "queue.url is set but the store is embedded: roles on other hosts share the queue and not the store; set \
             store.url"
                .to_owned(),
        );
        warn(
            split && embedded_queue && !embedded_store,
            "store.url is set but the queue is embedded: comments accepted on this host are judged on this host only; \
             set queue.url"
                .to_owned(),
        );
        warn(
            self.has_grpc_door() && !self.listen.grpc.ip().is_loopback() && self.tls.cert.is_none(),
            format!(
                "listen.grpc {} is reachable from outside without encryption, and API keys travel in clear: set \
                 tls.cert and tls.key, or put a proxy that encrypts before it",
                self.listen.grpc
            ),
        );
        let insecure_pages = self.console.public_url.as_deref().is_none_or(|url| url.starts_with("http://"));
        warn(
            self.runs(ServeRole::Console)
                && !self.listen.web.ip().is_loopback()
                && self.tls.cert.is_none()
                && insecure_pages,
            format!(
                "listen.web {} is reachable from outside without encryption, and passwords travel in clear: set \
                 tls.cert and tls.key, or put a proxy that encrypts before it and set console.public_url",
                self.listen.web
            ),
        );
        warn(
            self.console.session_idle_h > self.console.session_max_h,
            format!(
                "console.session_idle_h {} is longer than console.session_max_h {}: sessions end before they are idle",
                self.console.session_idle_h, self.console.session_max_h
            ),
        );
        warn(
            self.mail.smtp.is_some() && self.console.public_url.is_none(),
            "mail.smtp is set and console.public_url is not: links in mails will lead to listen.web, which others may \
             not reach"
                .to_owned(),
        );
        warn(
            !self.has_grpc_door() && self.tls.cert.is_some(),
            "tls.cert is set but a process with the worker role only has no gRPC door".to_owned(),
        );
        warn(
            self.runs(ServeRole::Worker)
                && usize::from(self.worker.prefetch) * self.ingest.group_items < self.worker.batch,
            format!(
                "worker.prefetch {} messages of ingest.group_items {} are fewer than worker.batch {}: batches will \
                 not fill",
                self.worker.prefetch, self.ingest.group_items, self.worker.batch
            ),
        );
        warn(
            self.runs(ServeRole::Ingest) && self.ingest.stream_in_flight < self.ingest.group_items,
            format!(
                "ingest.stream_in_flight {} is smaller than ingest.group_items {}: an import cannot fill a message",
                self.ingest.stream_in_flight, self.ingest.group_items
            ),
        );
        let doors = [
            ("listen.grpc", self.listen.grpc, self.has_grpc_door()),
            ("listen.web", self.listen.web, self.runs(ServeRole::Console)),
            ("listen.health", self.listen.health, true),
        ];
        for (place, (name, address, is_open)) in doors.iter().enumerate() {
            for (other, _, _) in
                doors[..place].iter().filter(|(_, taken, opened)| taken == address && *opened && *is_open)
            {
                warn(
                    address.port() != 0,
                    format!("{other} and {name} are the same address {address}: a process cannot start"),
                );
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_do_not_contradict_each_other_and_these_do() {
        assert_eq!(Config::default().contradictions(), Vec::<String>::new());

        let mut config = Config { roles: vec![ServeRole::Ingest], ..Config::default() };
        config.queue.url = Some("amqp://broker".to_owned().into());
        config.listen.grpc = ([0, 0, 0, 0], 50051).into();
        let found = config.contradictions();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("queue.url is set") && found[1].starts_with("listen.grpc 0.0.0.0:50051")
        );

        let mut config = Config::default();
        config.listen.web = config.listen.health;
        assert!(config.contradictions()[0].starts_with("listen.web and listen.health are the same"));

        let mut config = Config::default();
        config.worker.prefetch = 1;
        assert!(config.contradictions()[0].starts_with("worker.prefetch 1 "));
    }
}
