//! The command line clients of Mosquitto.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use dyad_tests::Node;

use super::node;

const VERSIONS: [&str; 2] = ["mqttv311", "mqttv5"];
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the clients are installed; `tests/run` does that.
fn is_installed() -> bool {
    let is_installed = Command::new("mosquitto_pub").arg("--help").output().is_ok();
    if !is_installed {
        eprintln!("skipped: there is no mosquitto_pub");
    }
    is_installed
}

fn program(name: &str, address: SocketAddr, arguments: &[&str]) -> Command {
    // Line by line: what is written to a pipe would wait for more otherwise.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", name]);
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]).args(arguments);
    command
}

fn publish(node: &Node, arguments: &[&str]) -> Output {
    let output = program("mosquitto_pub", node.address_of("MQTT"), arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// `mosquitto_sub` that runs, with the lines that it says; killed when dropped.
struct Subscriber {
    child: Child,
    lines: Receiver<String>,
    received: Vec<String>,
}

impl Subscriber {
    /// Starts, and waits until the broker has agreed to the subscription. Messages are printed behind `> `.
    fn new(node: &Node, arguments: &[&str]) -> Self {
        let mut command = program("mosquitto_sub", node.address_of("MQTT"), arguments);
        command.args(["-d", "-F", "> %t %q %r %p"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (say, lines) = sync_channel(1024);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let mut subscriber = Self { child, lines, received: Vec::new() };
        subscriber.wait(|line| line.starts_with("Subscribed"));
        subscriber
    }

    fn wait(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|error| panic!("{error} behind {:?}", self.received));
            self.received.push(line.clone());
            if is_it(&line) {
                return line;
            }
        }
    }

    /// The next message: topic, QoS, whether it was retained, payload.
    fn next(&mut self) -> String {
        let early = self.received.iter().position(|line| line.starts_with("> "));
        let line = match early {
            Some(index) => self.received.remove(index),
            None => {
                let line = self.wait(|line| line.starts_with("> "));
                self.received.pop();
                line
            }
        };
        line.trim_start_matches("> ").to_owned()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn messages_arrive_with_every_qos_in_both_versions() {
    if !is_installed() {
        return;
    }
    let node = node();
    for version in VERSIONS {
        for other in VERSIONS {
            let mut subscriber = Subscriber::new(&node, &["-V", version, "-t", "home/+/#", "-q", "2"]);
            for qos in ["0", "1", "2"] {
                publish(&node, &["-V", other, "-t", "home/a/b", "-q", qos, "-m", "hello"]);
                assert_eq!(subscriber.next(), format!("home/a/b {qos} 0 hello"), "{version} {other}");
            }
        }
    }
}

#[test]
fn the_lower_qos_of_both_sides_counts() {
    if !is_installed() {
        return;
    }
    let node = node();
    let mut subscriber = Subscriber::new(&node, &["-t", "a", "-q", "1"]);
    publish(&node, &["-t", "a", "-q", "2", "-m", "2"]);
    publish(&node, &["-t", "a", "-q", "0", "-m", "0"]);
    assert_eq!([subscriber.next(), subscriber.next()], ["a 1 0 2", "a 0 0 0"]);
}

#[test]
fn large_messages_pass_and_too_large_ones_do_not() {
    if !is_installed() {
        return;
    }
    let node = node();
    let file = node.directory().join("payload");
    std::fs::write(&file, "x".repeat(900_000)).unwrap();
    let mut subscriber = Subscriber::new(&node, &["-t", "large", "-q", "1"]);
    publish(&node, &["-t", "large", "-q", "1", "-f", file.to_str().unwrap()]);
    assert_eq!(subscriber.next().len(), "large 1 0 ".len() + 900_000);
    std::fs::write(&file, "x".repeat(3_000_000)).unwrap();
    // The client may find out by itself, or be told; its exit code says neither.
    let too_large = ["-V", "mqttv5", "-t", "large", "-q", "1", "-f", file.to_str().unwrap()];
    drop(program("mosquitto_pub", node.address_of("MQTT"), &too_large).output().unwrap());
    publish(&node, &["-t", "large", "-q", "1", "-m", "small"]);
    assert_eq!(subscriber.next(), "large 1 0 small");
}

#[test]
fn retained_messages_wait_for_subscribers() {
    if !is_installed() {
        return;
    }
    let node = node();
    for version in VERSIONS {
        publish(&node, &["-V", version, "-t", "state/door", "-q", "1", "-r", "-m", "open"]);
        publish(&node, &["-V", version, "-t", "state/door", "-q", "1", "-r", "-m", "closed"]);
        let mut late = Subscriber::new(&node, &["-V", version, "-t", "state/#", "-q", "1"]);
        assert_eq!(late.next(), "state/door 1 1 closed");
        publish(&node, &["-V", version, "-t", "state/door", "-q", "1", "-r", "-n"]);
        assert_eq!(late.next(), "state/door 1 0 ");
        let mut later = Subscriber::new(&node, &["-V", version, "-t", "state/#", "-q", "1"]);
        publish(&node, &["-t", "state/marker", "-m", "x"]);
        assert_eq!(later.next(), "state/marker 0 0 x");
    }
}

#[test]
fn a_will_is_published_for_who_is_gone() {
    if !is_installed() {
        return;
    }
    let node = node();
    let mut watcher = Subscriber::new(&node, &["-t", "wills/#", "-q", "1"]);
    for version in VERSIONS {
        let topic = format!("wills/{version}");
        let will = ["--will-topic", &topic, "--will-payload", "gone", "--will-qos", "1"];
        let mut arguments = vec!["-V", version, "-t", "x"];
        arguments.extend(will);
        drop(Subscriber::new(&node, &arguments));
        assert_eq!(watcher.next(), format!("wills/{version} 1 0 gone"));
    }
    // Who says good-bye leaves no will.
    publish(&node, &["-t", "x", "-m", "x", "--will-topic", "wills/graceful", "--will-payload", "gone"]);
    publish(&node, &["-t", "wills/marker", "-m", "x"]);
    assert_eq!(watcher.next(), "wills/marker 0 0 x");
}

#[test]
fn a_session_keeps_what_comes_while_its_client_is_away() {
    if !is_installed() {
        return;
    }
    let node = node();
    for (version, expiry) in [("mqttv311", &[][..]), ("mqttv5", &["-x", "60"])] {
        let mut arguments = vec!["-V", version, "-i", version, "-c", "-t", "kept/#", "-q", "2"];
        arguments.extend(expiry);
        drop(Subscriber::new(&node, &arguments));
        for qos in ["0", "1", "2"] {
            publish(&node, &["-t", "kept/a", "-q", qos, "-m", qos]);
        }
        let mut back = Subscriber::new(&node, &arguments);
        let mut received = [back.next(), back.next()];
        received.sort();
        assert_eq!(received, ["kept/a 1 0 1", "kept/a 2 0 2"]);
    }
}

#[test]
fn groups_share_what_comes() {
    if !is_installed() {
        return;
    }
    let node = node();
    let members: [Subscriber; 2] = std::array::from_fn(|_| {
        Subscriber::new(&node, &["-V", "mqttv5", "-t", "$share/group/jobs/#", "-q", "1"])
    });
    let mut pipe = program("mosquitto_pub", node.address_of("MQTT"), &["-t", "jobs/a", "-q", "1", "-l"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = pipe.stdin.take().unwrap();
    for job in 0..10 {
        writeln!(stdin, "{job}").unwrap();
    }
    drop(stdin);
    assert!(pipe.wait().unwrap().success());
    let mut jobs = Vec::new();
    for mut member in members {
        jobs.extend((0..5).map(|_| member.next()));
    }
    jobs.sort();
    assert_eq!(jobs, (0..10).map(|job| format!("jobs/a 1 0 {job}")).collect::<Vec<_>>());
}

#[test]
fn an_ae_speaks_and_listens_for_itself_alone() {
    if !is_installed() {
        return;
    }
    let node = node();
    let address = node.address_of("MQTT");
    let foreign = ["-V", "mqttv5", "-i", "A::Cgarden", "-d", "-q", "1", "-m", "{}"];
    for (topic, is_allowed) in [
        ("/oneM2M/req/Cgarden/elsewhere/json", true),
        ("/oneM2M/req/Cother/elsewhere/json", false),
        ("/oneM2M/resp/elsewhere/Cother/json", false),
        ("/oneM2M/req", false),
    ] {
        let output = program("mosquitto_pub", address, &foreign).args(["-t", topic]).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let is_refused = said.contains("Not authorized") || said.contains("RC:135");
        assert_eq!(!is_refused, is_allowed, "{topic}: {said}");
    }
    let listen = ["-V", "mqttv5", "-i", "A::Cgarden", "-d", "-W", "1"];
    for (filter, is_allowed) in [
        ("/oneM2M/req/+/Cgarden/#", true),
        ("/oneM2M/req/+/Cother/#", false),
        ("#", false),
        ("$SYS/#", false),
    ] {
        let output = program("mosquitto_sub", address, &listen).args(["-t", filter]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(if is_allowed { "): 0" } else { "): 135" }), "{filter}: {said}");
    }
}
