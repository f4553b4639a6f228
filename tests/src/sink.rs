//! A notification target in this process: records what comes, and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wire::{Message, reason};

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// Method and path, `POST /x`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The content; a string if it is no JSON.
    pub body: Value,
    /// The content as it came.
    pub bytes: Vec<u8>,
}

impl Received {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for agreement with a subscription (`vrq`).
    pub fn is_verification(&self) -> bool {
        self.body.pointer("/m2m:sgn/vrq") == Some(&Value::Bool(true))
    }
}

/// How a sink answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub http: u16,
    /// `X-M2M-RSC`, or none.
    pub rsc: Option<u16>,
    /// How long it takes.
    pub after: Duration,
    /// What it says.
    pub content: Option<Value>,
}

impl Default for Reply {
    fn default() -> Self {
        Self { http: 200, rsc: Some(2000), after: Duration::ZERO, content: None }
    }
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    /// For the next requests, one each; after them `always`.
    next: VecDeque<Reply>,
    always: Reply,
    connections: Vec<TcpStream>,
    is_dead: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A server on a free port; ends when dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Default for Sink {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink {
    /// Starts a sink that answers 2000.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let acceptor = Some(accept(listener, Arc::clone(&shared)));
        Self { address, shared, acceptor }
    }

    /// Where notifications can be sent.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers everything from now on like this.
    pub fn answer(&self, reply: Reply) {
        self.shared.state.lock().unwrap().always = reply;
    }

    /// Answers one more of the next requests like this.
    pub fn answer_next(&self, reply: Reply) {
        self.shared.state.lock().unwrap().next.push_back(reply);
    }

    /// Refuses connections from now on.
    pub fn die(&mut self) {
        {
            let mut state = self.shared.state.lock().unwrap();
            state.is_dead = true;
            for connection in state.connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
        // Wakes the acceptor, which sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }

    /// Whether connections are refused.
    pub fn is_dead(&self) -> bool {
        self.acceptor.is_none()
    }

    /// Listens again at the same port.
    pub fn revive(&mut self) {
        self.shared.state.lock().unwrap().is_dead = false;
        let listener = TcpListener::bind(self.address).expect("the port of before");
        self.acceptor = Some(accept(listener, Arc::clone(&self.shared)));
    }

    /// Everything that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state.lock().unwrap().received.clone()
    }

    /// Everything that came, once it is as many as this; what there is if that takes too long.
    pub fn wait_for(&self, count: usize, timeout: Duration) -> Vec<Received> {
        self.wait_until(timeout, |received| received.len() >= count)
    }

    /// Everything that came, once it is enough; what there is if that takes too long.
    pub fn wait_until(&self, timeout: Duration, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let state = self.shared.state.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(state, timeout, |state| !enough(&state.received));
        waited.unwrap().0.received.clone()
    }

    /// Forgets what came so far and gives it.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.state.lock().unwrap().received)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if self.acceptor.is_some() {
            self.die();
        }
    }
}

fn accept(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut state = shared.state.lock().unwrap();
            if state.is_dead {
                return;
            }
            if let Ok(stream) = stream.try_clone() {
                state.connections.push(stream);
            }
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let _ = serve(stream, &shared);
            });
        }
    })
}

fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(message) = Message::read(&mut stream)? {
        let body = message.json();
        let identifier = message.header("x-m2m-ri").unwrap_or_default().to_owned();
        let release =
            message.header("x-m2m-rvi").map_or_else(String::new, |rvi| format!("X-M2M-RVI: {rvi}\r\n"));
        let line = message.start.rsplit_once(' ').map_or_else(String::new, |(line, _)| line.to_owned());
        let mut state = shared.state.lock().unwrap();
        let reply = state.next.pop_front().unwrap_or_else(|| state.always.clone());
        let Message { headers, body: bytes, .. } = message;
        state.received.push(Received { at: Instant::now(), line, headers, body, bytes });
        shared.changed.notify_all();
        if !reply.after.is_zero() {
            // Slow, but not longer than it lives.
            state = shared.changed.wait_timeout_while(state, reply.after, |state| !state.is_dead).unwrap().0;
        }
        drop(state);
        let rsc = reply.rsc.map_or_else(String::new, |rsc| format!("X-M2M-RSC: {rsc}\r\n"));
        let head = format!(
            "HTTP/1.1 {} {}\r\n{rsc}{release}X-M2M-RI: {identifier}\r\n",
            reply.http,
            reason(reply.http)
        );
        let content = reply.content.map(|content| content.to_string()).unwrap_or_default();
        let kind = if content.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = content.len();
        let message = format!("{head}{kind}Content-Length: {length}\r\n\r\n{content}");
        stream.get_mut().write_all(message.as_bytes())?;
    }
    Ok(())
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("address", &self.address).finish_non_exhaustive()
    }
}
