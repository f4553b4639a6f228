//! A device that speaks MQTT, with a client of its own (rumqttc), and a Mosquitto to speak it to.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest time until something happens that has to.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A message that a device got.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

impl Message {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = self.payload.get(..120).unwrap_or(&self.payload);
        write!(f, "{} {}", self.topic, String::from_utf8_lossy(start))
    }
}

/// An AE with a connection that mends itself.
pub(super) struct Device {
    /// Its AE-ID.
    pub(super) id: String,
    client: Client,
    messages: Receiver<Message>,
    /// What came while something else was waited for.
    early: Mutex<VecDeque<Message>>,
}

impl Device {
    /// Connects as `A::<id>` and subscribes to responses, requests and registrations for it.
    pub(super) fn new(broker: SocketAddr, id: &str) -> Self {
        Self::with_topics(
            broker,
            id,
            &[
                format!("/oneM2M/resp/{id}/#"),
                format!("/oneM2M/req/+/{id}/#"),
                format!("/oneM2M/reg_resp/{id}/#"),
            ],
        )
    }

    pub(super) fn with_topics(broker: SocketAddr, id: &str, filters: &[String]) -> Self {
        let mut options = MqttOptions::new(format!("A::{id}"), broker.ip().to_string(), broker.port());
        options.set_clean_session(false).set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(4 << 20, 4 << 20);
        let (client, mut connection) = Client::new(options, 100);
        let (say, messages) = sync_channel(1_000);
        let (ready, is_ready) = sync_channel(100);
        let filters = filters.to_vec();
        let subscriber = client.clone();
        let count = filters.len();
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        for filter in &filters {
                            // The queue has room: nothing else is sent before these.
                            let _ = subscriber.try_subscribe(filter, QoS::AtLeastOnce);
                        }
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(ready.try_send(())),
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let message = Message { topic: message.topic, payload: message.payload.to_vec() };
                        if say.try_send(message).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => park_timeout(Duration::from_millis(50)),
                }
            }
        });
        for _ in 0..count {
            is_ready.recv_timeout(PATIENCE).expect("a subscription");
        }
        Self { id: id.to_owned(), client, messages, early: Mutex::default() }
    }

    pub(super) fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("a connection");
    }

    pub(super) fn retain(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, true, payload).expect("a connection");
    }

    /// The next message that meets a condition; panics if none comes.
    #[track_caller]
    pub(super) fn wait_for(&self, wanted: impl Fn(&Message) -> bool) -> Message {
        let mut early = self.early.lock().unwrap();
        if let Some(place) = early.iter().position(&wanted) {
            return early.remove(place).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message =
                self.messages.recv_timeout(left).unwrap_or_else(|_| panic!("nothing of it: {early:?}"));
            if wanted(&message) {
                return message;
            }
            early.push_back(message);
        }
    }

    /// The response to a request.
    #[track_caller]
    pub(super) fn response(&self, identifier: &str) -> Value {
        let is_it = |message: &Message| {
            message.topic.contains("resp/")
                && serde_json::from_slice(&message.payload).is_ok_and(|it: Value| it["rqi"] == identifier)
        };
        self.wait_for(is_it).json()
    }

    /// Sends a request on the topic of its own and waits for the response.
    #[track_caller]
    pub(super) fn ask(&self, request: &Value) -> Value {
        self.publish(&format!("/oneM2M/req/{}/id-in/json", self.id), request.to_string());
        self.response(request["rqi"].as_str().expect("an identifier"))
    }

    /// A request of this device, with what is usual.
    pub(super) fn request(&self, op: u8, to: &str, identifier: &str, more: Value) -> Value {
        let mut request = json!({ "op": op, "to": to, "fr": self.id, "rqi": identifier, "rvi": "3" });
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        request
    }

    /// Registers the device under a name.
    #[track_caller]
    pub(super) fn register(&self, name: &str, poa: &[String]) {
        let ae = json!({ "rn": name, "api": "Ntest", "rr": true, "srv": ["3"], "poa": poa });
        let ae = match poa {
            [] => json!({ "rn": name, "api": "Ntest", "rr": false, "srv": ["3"] }),
            _ => ae,
        };
        let created =
            self.ask(&self.request(1, "cse-in", "register", json!({ "ty": 2, "pc": { "m2m:ae": ae } })));
        assert_eq!(created["rsc"], 2001, "{created}");
    }

    /// The next request that comes for the device.
    #[track_caller]
    pub(super) fn requested(&self) -> (String, Value) {
        let message = self.wait_for(|message| message.topic.starts_with("/oneM2M/req/"));
        (message.topic.clone(), message.json())
    }

    /// Answers a request that came.
    pub(super) fn answer(&self, request: &Value, rsc: u16) {
        let response =
            json!({ "rsc": rsc, "rqi": request["rqi"], "fr": self.id, "to": "/id-in", "rvi": "3" });
        self.publish(&format!("/oneM2M/resp/id-in/{}/json", self.id), response.to_string());
    }
}

/// A Mosquitto of this test; killed when dropped.
pub(super) struct Mosquitto {
    directory: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl Mosquitto {
    /// Starts one; `None` where it is not installed, which `tests/run` does.
    pub(super) fn start() -> Option<Self> {
        let mut mosquitto = Self::down()?;
        mosquitto.up();
        Some(mosquitto)
    }

    /// One that is not started yet.
    pub(super) fn down() -> Option<Self> {
        let found = program().or_else(|| {
            eprintln!("skipped: there is no mosquitto");
            None
        });
        found?;
        let directory = tempfile::Builder::new().prefix("dyad-mosquitto-").tempdir().unwrap();
        // Freed at once, for Mosquitto.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let data = directory.path().display();
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {data}/\n\
             autosave_on_changes true\nautosave_interval 1\nset_tcp_nodelay true\nlog_dest file {data}/log\n",
            address.port()
        );
        std::fs::write(directory.path().join("conf"), text).unwrap();
        Some(Self { directory, address, process: None })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Starts it, again or for the first time, and waits until it accepts connections.
    pub(super) fn up(&mut self) {
        let mut command = Command::new(program().expect("installed"));
        // It gives up root for a user who may not write into the directory.
        command.arg("-c").arg(self.directory.path().join("conf")).stdin(Stdio::null()).stderr(Stdio::null());
        if is_root() {
            let conf = self.directory.path().join("conf");
            let text = std::fs::read_to_string(&conf).unwrap();
            if !text.contains("\nuser root") {
                std::fs::write(&conf, format!("{text}user root\n")).unwrap();
            }
        }
        self.process = Some(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "Mosquitto does not start");
            park_timeout(Duration::from_millis(20));
        }
    }

    /// Stops it properly: it saves its sessions.
    pub(super) fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let signalled = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", process.id())).status();
        assert!(signalled.is_ok_and(|status| status.success()));
        let _ = process.wait();
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn program() -> Option<&'static str> {
    // Debian keeps it where only root's shells look.
    ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto", "/opt/homebrew/sbin/mosquitto"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
