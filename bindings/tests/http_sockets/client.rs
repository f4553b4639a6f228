//! The client, towards this server and towards plain ones.

use std::time::Duration;

use dyad_bindings::http::{ClientSettings, HttpTransport};
use dyad_protocol::exchange::{Transport, TransportError};
use dyad_protocol::primitive::{FilterCriteria, FilterUsage};
use dyad_protocol::{Content, Operation, Request, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{server, settings};

#[tokio::test(flavor = "multi_thread")]
async fn client_and_server() {
    let server = server(settings()).await;
    let url = format!("http://{}", server.addresses()[0]);
    let client = HttpTransport::new(&ClientSettings::default()).unwrap();
    let timeout = Duration::from_secs(5);
    let mut request = Request {
        operation: Operation::Create,
        to: "/id-in/cse/a".to_owned(),
        from: Some("CAdmin".to_owned()),
        ..Request::default()
    };
    request.request_identifier = "r7".to_owned();
    request.release_version_indicator = Some("4".to_owned());
    request.resource_type = Some(4);
    request.content = Some(Content::from_value(json!({"m2m:cin": {"con": 1}})));
    let response = client.send(&url, &request, timeout).await.unwrap();
    assert_eq!((response.status, response.request_identifier.as_str()), (StatusCode::Created, "r7"));
    let echo = response.content.unwrap().into_value();
    assert_eq!(
        echo["m2m:echo"],
        json!({"to": "/id-in/cse/a", "op": 1, "fr": "CAdmin", "ty": 4, "pc": {"m2m:cin": {"con": 1}}})
    );
    let notify = Request {
        operation: Operation::Notify,
        to: format!("{url}/sink"),
        resource_type: None,
        ..request.clone()
    };
    let echo = client.send(&notify.to.clone(), &notify, timeout).await.unwrap().content.unwrap().into_value();
    assert_eq!((&echo["m2m:echo"]["op"], &echo["m2m:echo"]["to"]), (&json!(5), &json!("sink")));
    let filter = FilterCriteria { usage: Some(FilterUsage::Discovery), ..FilterCriteria::default() };
    let find = Request {
        operation: Operation::Retrieve,
        content: None,
        filter_criteria: Some(Box::new(filter)),
        ..request.clone()
    };
    assert_eq!(client.send(&url, &find, timeout).await.unwrap().status, StatusCode::Ok);
    let slow = Request { to: "slow".to_owned(), ..find };
    assert!(matches!(
        client.send(&url, &slow, Duration::from_millis(20)).await,
        Err(TransportError::TimedOut)
    ));
    server.stop().await;
    assert!(matches!(client.send(&url, &request, timeout).await, Err(TransportError::Unreachable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_web_servers_as_targets() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        for reply in [
            "204 No Content\r\n\r\n",
            "200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi",
            "302 Found\r\nlocation: /x\r\n\r\n",
            "500 Oops\r\ncontent-length: 0\r\n\r\n",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 2048];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(buffer[..count].starts_with(b"POST /hook?a=b HTTP/1.1\r\n"));
            stream.write_all(format!("HTTP/1.1 {reply}").as_bytes()).await.unwrap();
        }
    });
    let client =
        HttpTransport::new(&ClientSettings { max_idle_per_host: 0, ..ClientSettings::default() }).unwrap();
    let notify = Request {
        operation: Operation::Notify,
        to: url.clone(),
        request_identifier: "r".to_owned(),
        ..Request::default()
    };
    for expected in [Some(StatusCode::Ok), Some(StatusCode::Ok), None, Some(StatusCode::InternalServerError)]
    {
        let response = client.send(&url, &notify, Duration::from_secs(5)).await;
        assert_eq!(response.as_ref().ok().map(|response| response.status), expected, "{response:?}");
    }
    serving.await.unwrap();
}
