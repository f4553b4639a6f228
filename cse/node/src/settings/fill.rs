//! From the values of the table to the typed settings.
//!
//! Responsible for putting each value into its field and for resolving the zeros that mean "as many as there are
//! processors". Checking values is done before, in the module above.

use super::problem::Problem;
use super::typed::{
    Coap, Container, Cse, CseType, Discovery, Durability, Functions, Http, Log, LogFormat, Mqtt, MqttBroker,
    Notification, Operator, Request, Schemas, Store, Testing, Tls, Ws,
};
use dyad_bindings::mqtt::broker::Unnamed;
use dyad_bindings::mqtt::{Address, Version};
use dyad_bindings::tls::{ClientAuth, MinVersion};
use dyad_core::settings::{Kind, Raw, Value};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The values by key; each is taken once, so that what is left over shows a key without a field.
pub(super) struct Values {
    pub(super) values: BTreeMap<&'static str, Value>,
    /// Keys that functions declare.
    pub(super) of_functions: Vec<&'static str>,
}

/// The error is a key of the table that the structs expect otherwise: a defect of the program, found by its tests.
pub(super) type Filled<T> = Result<T, Problem>;

impl Values {
    pub(super) fn cse(&mut self) -> Filled<Cse> {
        let kinds = [("IN", CseType::In), ("MN", CseType::Mn), ("ASN", CseType::Asn)];
        Ok(Cse {
            kind: self.choice("cse.type", &kinds)?,
            id: self.text("cse.id")?,
            name: self.text("cse.name")?,
            sp_id: self.text("cse.sp_id")?,
            admin: self.text("cse.admin")?,
            supported_releases: self.list("cse.supported_releases")?,
            default_expiration: self.duration("cse.default_expiration")?,
            max_expiration: self.duration("cse.max_expiration")?,
            check_expirations_every: self.duration("cse.check_expirations_every")?,
        })
    }

    pub(super) fn container(&mut self) -> Filled<Container> {
        let limit = |number: u64| Some(number).filter(|number| *number > 0);
        Ok(Container {
            default_max_nr_of_instances: limit(self.number("container.default_max_nr_of_instances")?),
            default_max_byte_size: limit(self.number("container.default_max_byte_size")?),
            default_max_instance_age: Some(self.duration("container.default_max_instance_age")?)
                .filter(|age| age.as_secs() > 0),
        })
    }

    pub(super) fn request(&mut self) -> Filled<Request> {
        Ok(Request {
            timeout: self.duration("request.timeout")?,
            flex_wait: self.duration("request.flex_wait")?,
            pending: self.count("request.pending")?,
            keep_results: self.duration("request.keep_results")?,
            max_results: self.count("request.max_results")?,
            max_depth: self.count("request.max_depth")?,
        })
    }

    pub(super) fn http(&mut self) -> Filled<Http> {
        Ok(Http {
            listen: self.address("http.listen")?,
            tls_listen: self.optional_address("http.tls_listen")?,
            root: self.text("http.root")?,
            lenient: self.switch("http.lenient")?,
            max_body: self.count("http.max_body")?,
            header_timeout: self.duration("http.header_timeout")?,
            body_timeout: self.duration("http.body_timeout")?,
            keep_alive: Some(self.duration("http.keep_alive")?).filter(|pause| !pause.is_zero()),
            cors: self.list("http.cors")?,
            workers: per_processor(self.count("http.workers")?, 1),
            max_connections: self.count("http.max_connections")?,
            poa: self.list("http.poa")?,
        })
    }

    pub(super) fn tls(&mut self) -> Filled<Tls> {
        let asked = [
            ("off", ClientAuth::Off),
            ("optional", ClientAuth::Optional),
            ("required", ClientAuth::Required),
        ];
        let versions = [("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)];
        Ok(Tls {
            certificate: self.file("tls.certificate")?,
            key: self.file("tls.key")?,
            ca: self.file("tls.ca")?,
            system_roots: self.switch("tls.system_roots")?,
            client_auth: self.choice("tls.client_auth", &asked)?,
            client_ca: self.file("tls.client_ca")?,
            psk: self.file("tls.psk")?,
            psk_identity: Some(self.text("tls.psk_identity")?).filter(|identity| !identity.is_empty()),
            min_version: self.choice("tls.min_version", &versions)?,
            handshake_timeout: self.duration("tls.handshake_timeout")?,
            handshakes: self.count("tls.handshakes")?,
            sessions: self.count("tls.sessions")?,
            session_idle: self.duration("tls.session_idle")?,
        })
    }

    pub(super) fn coap(&mut self) -> Filled<Coap> {
        Ok(Coap {
            enabled: self.switch("coap.enabled")?,
            listen: self.address("coap.listen")?,
            dtls_listen: self.optional_address("coap.dtls_listen")?,
            lenient: self.switch("coap.lenient")?,
            max_body: self.count("coap.max_body")?,
            rate: u32::try_from(self.number("coap.rate")?).unwrap_or(u32::MAX),
            max_pending: self.count("coap.max_pending")?,
            transfers: self.count("coap.transfers")?,
            transfers_per_address: self.count("coap.transfers_per_address")?,
            remembered: self.count("coap.remembered")?,
            known_addresses: self.count("coap.known_addresses")?,
            observers: self.count("coap.observers")?,
            observers_per_address: self.count("coap.observers_per_address")?,
            links: self.count("coap.links")?,
            multicast: self.switch("coap.multicast")?,
            poa: self.list("coap.poa")?,
        })
    }

    pub(super) fn discovery(&mut self) -> Filled<Discovery> {
        Ok(Discovery { enabled: self.switch("discovery.enabled")? })
    }

    pub(super) fn mqtt(&mut self) -> Filled<Mqtt> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let broker = self.text("mqtt.broker")?;
        Ok(Mqtt {
            is_enabled: self.switch("mqtt.enabled")?,
            broker: match broker.as_str() {
                "embedded" => MqttBroker::Embedded,
                url => Address::parse(url).map_or(MqttBroker::Off, MqttBroker::Elsewhere),
            },
            listen: self.address("mqtt.listen")?,
            tls_listen: self.optional_address("mqtt.tls_listen")?,
            client_id: given(self.text("mqtt.client_id")?),
            prefix: self.text("mqtt.prefix")?,
            version: self.choice("mqtt.version", &[("3.1.1", Version::V3), ("5", Version::V5)])?,
            username: given(self.text("mqtt.username")?),
            password: given(self.text("mqtt.password")?),
            password_file: given(self.text("mqtt.password_file")?).map(PathBuf::from),
            lenient: self.switch("mqtt.lenient")?,
            keep_alive: self.duration("mqtt.keep_alive")?,
            max_payload: self.count("mqtt.max_payload")?,
            in_progress: self.count("mqtt.in_progress")?,
            waiting: self.count("mqtt.waiting")?,
            waiting_bytes: self.count("mqtt.waiting_bytes")?,
            repeats_for: self.duration("mqtt.repeats_for")?,
            repeats: self.count("mqtt.repeats")?,
            repeats_bytes: self.count("mqtt.repeats_bytes")?,
            brokers: self.count("mqtt.brokers")?,
            rules: self.choice(
                "mqtt.rules",
                &[("names", Some(Unnamed::Free)), ("strict", Some(Unnamed::Register)), ("off", None)],
            )?,
            max_connections: self.count("mqtt.max_connections")?,
            max_sessions: self.count("mqtt.max_sessions")?,
            session_expiry: self.duration("mqtt.session_expiry")?,
            max_subscriptions: self.count("mqtt.max_subscriptions")?,
            max_inflight: u16::try_from(self.number("mqtt.max_inflight")?).unwrap_or(u16::MAX),
            max_queued: self.count("mqtt.max_queued")?,
            max_queued_bytes: self.count("mqtt.max_queued_bytes")?,
            max_retained: self.count("mqtt.max_retained")?,
            max_retained_bytes: self.count("mqtt.max_retained_bytes")?,
            poa: self.list("mqtt.poa")?,
        })
    }

    pub(super) fn ws(&mut self) -> Filled<Ws> {
        Ok(Ws {
            enabled: self.switch("ws.enabled")?,
            listen: self.address("ws.listen")?,
            tls_listen: self.optional_address("ws.tls_listen")?,
            root: self.text("ws.root")?,
            origins: self.list("ws.origins")?,
            max_message: self.count("ws.max_message")?,
            max_in_progress: self.count("ws.max_in_progress")?,
            handshake_timeout: self.duration("ws.handshake_timeout")?,
            keep_alive: self.duration("ws.keep_alive")?,
            max_connections: self.count("ws.max_connections")?,
            poa: self.list("ws.poa")?,
        })
    }

    pub(super) fn store(&mut self) -> Filled<Store> {
        let durabilities = [("full", Durability::Full), ("normal", Durability::Normal)];
        Ok(Store {
            url: self.text("store.url")?,
            durability: self.choice("store.durability", &durabilities)?,
            cache: self.count("store.cache")?,
            readers: per_processor(self.count("store.readers")?, 2),
        })
    }

    pub(super) fn notification(&mut self) -> Filled<Notification> {
        Ok(Notification {
            timeout: self.duration("notification.timeout")?,
            retry_first: self.duration("notification.retry_first")?,
            retry_longest: self.duration("notification.retry_longest")?,
            keep_for: self.duration("notification.keep_for")?,
            queue: self.count("notification.queue")?,
            targets: self.count("notification.targets")?,
            stored: self.count("notification.stored")?,
            batch_duration: self.duration("notification.batch_duration")?,
        })
    }

    pub(super) fn schemas(&mut self) -> Filled<Schemas> {
        Ok(Schemas { directory: self.file("schemas.directory")? })
    }

    pub(super) fn functions(&mut self) -> Filled<Functions> {
        Ok(Functions {
            off: self.list("functions.off")?,
            time_limit: self.duration("functions.time_limit")?,
            own: self.of_functions(),
            max_faults: u32::try_from(self.number("functions.max_faults")?).unwrap_or(u32::MAX),
        })
    }

    pub(super) fn log(&mut self) -> Filled<Log> {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Ok(Log { level: self.text("log.level")?, format: self.choice("log.format", &formats)? })
    }

    pub(super) fn testing(&mut self) -> Filled<Testing> {
        Ok(Testing { enabled: self.switch("testing.enabled")? })
    }

    pub(super) fn operator(&mut self) -> Filled<Operator> {
        Ok(Operator { socket: self.file("operator.socket")? })
    }

    /// The settings that functions declare.
    fn of_functions(&mut self) -> BTreeMap<String, Value> {
        let keys = std::mem::take(&mut self.of_functions).into_iter();
        keys.filter_map(|key| Some((key.to_owned(), self.values.remove(key)?))).collect()
    }

    fn take<T>(&mut self, key: &'static str, of: impl FnOnce(Value) -> Option<T>) -> Filled<T> {
        let taken = self.values.remove(key).and_then(of);
        taken.ok_or_else(|| {
            Problem::at(key, "the program and its table of settings disagree; please report this")
        })
    }

    fn text(&mut self, key: &'static str) -> Filled<String> {
        self.take(key, |value| if let Value::Text(text) = value { Some(text) } else { None })
    }

    /// A path; nothing for an empty text.
    fn file(&mut self, key: &'static str) -> Filled<Option<PathBuf>> {
        Ok(Some(PathBuf::from(self.text(key)?)).filter(|path| !path.as_os_str().is_empty()))
    }

    fn list(&mut self, key: &'static str) -> Filled<Vec<String>> {
        self.take(key, |value| if let Value::List(entries) = value { Some(entries) } else { None })
    }

    fn duration(&mut self, key: &'static str) -> Filled<Duration> {
        self.take(key, |value| if let Value::Duration(duration) = value { Some(duration) } else { None })
    }

    fn number(&mut self, key: &'static str) -> Filled<u64> {
        self.take(key, |value| if let Value::Number(number) = value { Some(number) } else { None })
    }

    /// Numbers beyond the address space of a 32-bit machine mean as many as there can be.
    fn count(&mut self, key: &'static str) -> Filled<usize> {
        Ok(usize::try_from(self.number(key)?).unwrap_or(usize::MAX))
    }

    fn switch(&mut self, key: &'static str) -> Filled<bool> {
        self.take(key, |value| if let Value::Switch(on) = value { Some(on) } else { None })
    }

    fn address(&mut self, key: &'static str) -> Filled<SocketAddr> {
        self.take(key, |value| if let Value::Address(address) = value { Some(address) } else { None })
    }

    /// An address; nothing for an empty text.
    fn optional_address(&mut self, key: &'static str) -> Filled<Option<SocketAddr>> {
        let text = self.text(key)?;
        match Kind::Address.read(&Raw::Text(text)) {
            Some(Value::Address(address)) => Ok(Some(address)),
            _ => Ok(None),
        }
    }

    fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Filled<T> {
        self.take(key, |value| {
            let Value::Text(text) = value else { return None };
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
        })
    }
}

/// A number that was given, or so many per processor for 0.
fn per_processor(given: usize, each: usize) -> usize {
    match given {
        0 => each * std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        given => given,
    }
}
