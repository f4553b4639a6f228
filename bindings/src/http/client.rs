//! The HTTP client: requests of this node to other entities (TS-0009 6, originator side).
//!
//! Responsible for bringing one request to one address. Which address, how often, and what is owed is left to the
//! core.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use dyad_protocol::exchange::{Transport, TransportError};
use dyad_protocol::primitive::ContentStatus;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};
use dyad_protocol::time::{AbsRelTime, Timestamp};
use dyad_protocol::{Operation, Request, Response, Serialization, StatusCode};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};

use super::media;
use super::{address, status};
use crate::tls::{self, ClientTls};
use crate::{query, tokens};

/// The settings of the HTTP client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// For how long a connection may take to be made.
    pub connect_timeout: Duration,
    /// For how long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Idle connections that are kept per host.
    pub max_idle_per_host: usize,
    /// The longest body of a response in bytes.
    pub max_body: usize,
    /// Reads and writes contents.
    pub codec: Codec,
    /// Whom `https://` addresses are trusted to be, and what this node shows of itself.
    pub tls: ClientTls,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            max_idle_per_host: 32,
            max_body: 4 * 1024 * 1024,
            codec: Codec::new(Arc::default(), PARSER_LIMIT),
            tls: ClientTls::default(),
        }
    }
}

/// Brings requests to `http://` and `https://` addresses over connections that are kept and shared. Follows no redirects and
/// uses no proxies.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: Client,
    max_body: usize,
    codec: Codec,
}

impl HttpTransport {
    /// A transport. Fails if the TLS settings cannot be used, or the name resolver of the operating system cannot be set
    /// up.
    pub fn new(settings: &ClientSettings) -> io::Result<Self> {
        let tls = settings.tls.config().map_err(io::Error::other)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(settings.max_idle_per_host)
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { client, max_body: settings.max_body, codec: settings.codec.clone() })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn schemes(&self) -> &[&'static str] {
        &["http", "https"]
    }

    async fn send(
        &self,
        url: &str,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let target = target(url, request);
        let mut message = self.client.request(method(request.operation), target).timeout(timeout);
        let serialization = request.serialization.unwrap_or(Serialization::Json);
        message = message.headers(headers(request, media::of(serialization).name)?);
        if let Some(content) = &request.content {
            message = message.body(self.codec.write_content(serialization, content));
        }
        let answer = message.send().await.map_err(failed)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        response(request, status, &headers, self.body(answer).await?, &self.codec)
    }
}

impl HttpTransport {
    async fn body(&self, mut answer: reqwest::Response) -> Result<Bytes, TransportError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.max_body {
                return Err(TransportError::Malformed("the body is too long".to_owned()));
            }
            if body.is_empty() && answer.content_length() == u64::try_from(chunk.len()).ok() {
                return Ok(chunk);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn failed(error: reqwest::Error) -> TransportError {
    let malformed = error.is_builder() || error.is_decode() || error.is_redirect();
    if error.is_timeout() {
        return TransportError::TimedOut;
    }
    if let Some(why) = tls::explain(&error) {
        return TransportError::Unreachable(why);
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    if malformed { TransportError::Malformed(text) } else { TransportError::Unreachable(text) }
}

fn method(operation: Operation) -> Method {
    match operation {
        Operation::Create | Operation::Notify => Method::POST,
        Operation::Retrieve => Method::GET,
        Operation::Update => Method::PUT,
        Operation::Delete => Method::DELETE,
    }
}

/// The URL of a request: the address as it is if To is a URL itself, otherwise the path of To behind it.
fn target(url: &str, request: &Request) -> String {
    if request.to.contains("://") {
        return url.to_owned();
    }
    let mut target = url.trim_end_matches('/').to_owned();
    target.push_str(&address::to_path(&request.to));
    let fields = query::encode(request);
    if !fields.is_empty() {
        target.push('?');
        target.push_str(&fields);
    }
    target
}

/// `media`: what the content is written in, and what the response should be.
fn headers(request: &Request, media: &str) -> Result<HeaderMap, TransportError> {
    let mut headers = HeaderMap::with_capacity(8);
    let mut put = |name: &'static str, value: Option<&str>| {
        let Some(value) = value else { return Ok(()) };
        let value = HeaderValue::from_str(value);
        let value = value.map_err(|_| TransportError::Malformed(format!("{name} cannot be a header")))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok(())
    };
    put("x-m2m-ri", Some(&request.request_identifier))?;
    put("x-m2m-origin", request.from.as_deref())?;
    put("x-m2m-rvi", request.release_version_indicator.as_deref())?;
    put("accept", Some(media))?;
    match request.resource_type {
        Some(ty) if request.operation == Operation::Create => {
            put("content-type", Some(&format!("{media};ty={ty}")))?;
        }
        _ => put("content-type", request.content.as_ref().map(|_| media))?,
    }
    put("x-m2m-gid", request.group_request_identifier.as_deref())?;
    put("x-m2m-vsi", request.vendor_information.as_deref())?;
    put("x-m2m-prpi", request.primitive_profile_identifier.as_deref())?;
    put("x-m2m-rtu", request.response_type.notification_uri.as_ref().map(|uris| uris.join("&")).as_deref())?;
    put("x-m2m-ot", request.originating_timestamp.map(|at| at.to_string()).as_deref())?;
    put("x-m2m-ret", request.request_expiration_timestamp.map(|at| at.to_string()).as_deref())?;
    put("x-m2m-rst", request.result_expiration_timestamp.map(|at| at.to_string()).as_deref())?;
    put("x-m2m-oet", request.operation_execution_time.map(|at| at.to_string()).as_deref())?;
    put("x-m2m-ec", request.event_category.map(|category| category.to_string()).as_deref())?;
    let list = |list: &[String]| (!list.is_empty()).then(|| list.join("+"));
    put("authorization", list(&request.tokens).as_deref())?;
    put("x-m2m-as", list(&request.authorization_signatures).as_deref())?;
    Ok(headers)
}

/// Maps a response message. One without X-M2M-RSC comes from a plain web server: its status decides, and a body
/// that this node cannot read is none of ours.
///
/// Fails with [`TransportError::Malformed`] for what is no answer to a primitive.
pub fn response(
    request: &Request,
    status: u16,
    headers: &HeaderMap,
    body: Bytes,
    codec: &Codec,
) -> Result<Response, TransportError> {
    let malformed = |what: &str| TransportError::Malformed(what.to_owned());
    let text = |name: &str| {
        headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::trim)
    };
    let owned = |name: &str| text(name).map(str::to_owned);
    let code = text("x-m2m-rsc")
        .map(|code| code.parse().map_err(|_| malformed("X-M2M-RSC is no number")))
        .transpose()?;
    let status = match code {
        Some(number) => StatusCode::from_number(number),
        None => status::from_http(status, request.operation)
            .ok_or_else(|| malformed("the status is no answer"))?,
    };
    let mut response = Response::to(request, status);
    response.release_version_indicator = owned("x-m2m-rvi");
    response.from = owned("x-m2m-origin");
    response.originating_timestamp = text("x-m2m-ot").and_then(Timestamp::parse);
    response.result_expiration_timestamp = text("x-m2m-rst").and_then(AbsRelTime::parse);
    response.event_category = text("x-m2m-ec").and_then(|category| category.parse().ok());
    response.content_status =
        text("x-m2m-cts").and_then(|status| status.parse().ok()).and_then(ContentStatus::from_number);
    response.content_offset = text("x-m2m-cto").and_then(|offset| offset.parse().ok());
    response.authorization_signature_request_information =
        text("x-m2m-asri").map(|flag| matches!(flag, "true" | "1"));
    response.vendor_information = owned("x-m2m-vsi");
    response.assigned_token_identifiers = text("x-m2m-ati").map(tokens::assigned).unwrap_or_default();
    if body.is_empty() {
        return Ok(response);
    }
    let written = text("content-type").and_then(|value| media::content_type(value).ok());
    match written.map(|found| codec.read_content(found.media.serialization, body)) {
        Some(Ok(content)) => tokens::take_content(&mut response, content),
        Some(Err(_)) if code.is_none() => {}
        Some(Err(failure)) => return Err(malformed(&failure.debug)),
        None if code.is_none() => {}
        None => return Err(malformed("the content is in a media type this node does not speak")),
    }
    Ok(response)
}
