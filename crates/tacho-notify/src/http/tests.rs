use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::channel::Secret;

/// What [`post`] makes of a service that answers with these bytes and closes the connection.
async fn answered(answer: Vec<u8>) -> Result<Answer, SendError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let service = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"POST /hook HTTP/1.1\r\n"));
        // Whoever asked may have gone away before all of it was sent.
        drop(stream.write_all(&answer).await);
    });
    let request = Request::json(Secret::new(url), "{}".to_owned());
    let answer = post(&request).await;
    service.await.unwrap();
    answer
}

#[tokio::test]
async fn an_answer_is_read() {
    let answer = answered(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"ok".as_ref()));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_followed_by_nobody() {
    let text = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(text.to_vec()).await.unwrap().status, 302);
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.resize(10 << 20, b'x');
    assert!(matches!(answered(answer).await, Err(SendError::Answer { limit: ANSWER_BYTES })));
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let error = answered(b"220 mail.example.org ESMTP\r\n".to_vec()).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, SendError::Http { .. }), "{error}");
}
