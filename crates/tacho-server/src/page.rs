//! The web page, built by Node into `web/dist` and embedded when the server is compiled.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use rust_embed::RustEmbed;

/// Their names carry a hash of their content.
const ASSETS: &str = "assets/";

const INDEX: &str = "index.html";

const CACHE_FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Follows the name of a file that is packed; the build puts it beside the plain one.
const PACKED: &str = ".gz";

/// Served where the real page was not there at compile time.
const NOT_BUILT: &str = include_str!("page/not-built.html");

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Dist;

/// Is the real page in this binary?
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

/// Answers whatever is not the API: a file of the page, or the page itself, whose routes are decided in the
/// browser.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let allow = HeaderValue::from_static("GET, HEAD");
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allow)]).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let (name, file) = match Dist::get(path) {
        Some(file) if !path.is_empty() => (path, Some(file)),
        // A missing asset must not become a page: the browser would take HTML for a script.
        _ if path.starts_with(ASSETS) => return StatusCode::NOT_FOUND.into_response(),
        _ => (INDEX, Dist::get(INDEX)),
    };
    match file {
        Some(file) => embedded(name, file, &headers),
        None => ([(CACHE_CONTROL, ASK_AGAIN), (CONTENT_TYPE, html())], NOT_BUILT).into_response(),
    }
}

fn embedded(name: &str, file: rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let packed = takes_gzip(headers).then(|| Dist::get(&format!("{name}{PACKED}"))).flatten();
    let is_packed = packed.is_some();
    let file = packed.unwrap_or(file);
    let caching = if name.starts_with(ASSETS) { CACHE_FOR_EVER } else { ASK_AGAIN };
    let tag: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let Ok(tag) = HeaderValue::from_str(&tag) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let varies = (VARY, HeaderValue::from_static("accept-encoding"));
    let headers = [(CACHE_CONTROL, caching), (ETAG, tag), (CONTENT_TYPE, content_type(name)), varies];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let mut response = (headers, file.data).into_response();
    if is_packed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Does the browser say so? One that forbids it with `q=0` gets the plain file.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn content_type(name: &str) -> HeaderValue {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let text = guess.type_() == "text" || guess.subtype() == "javascript";
    let value = if text { format!("{guess}; charset=utf-8") } else { guess.to_string() };
    HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

fn html() -> HeaderValue {
    HeaderValue::from_static("text/html; charset=utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &'static str) -> Response {
        serve(Method::GET, Uri::from_static(path), HeaderMap::new()).await
    }

    /// Holds with and without the real page.
    #[tokio::test]
    async fn every_route_of_the_page_is_the_page() {
        for path in ["/", "/hosts/web-1?from=1", "/index.html", "/../../etc/passwd"] {
            let answer = get(path).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache", "{path}");
        }
        assert_eq!(get("/assets/gone-1234.js").await.status(), StatusCode::NOT_FOUND);
        let posted = serve(Method::POST, Uri::from_static("/"), HeaderMap::new()).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        for name in Dist::iter() {
            let fresh = embedded(&name, Dist::get(&name).unwrap(), &HeaderMap::new());
            assert_eq!(fresh.status(), StatusCode::OK, "{name}");
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, fresh.headers()[ETAG].clone());
            let known = embedded(&name, Dist::get(&name).unwrap(), &headers);
            assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{name}");
        }
    }

    /// Holds with and without the real page: without it there is no file.
    #[test]
    fn a_packed_file_is_the_plain_one() {
        let mut takes = HeaderMap::new();
        takes.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
        for name in Dist::iter().filter(|name| !name.ends_with(PACKED)) {
            let has_packed = Dist::get(&format!("{name}{PACKED}")).is_some();
            let answer = embedded(&name, Dist::get(&name).unwrap(), &takes);
            assert_eq!(answer.headers().contains_key(CONTENT_ENCODING), has_packed, "{name}");
            assert_eq!(answer.headers()[CONTENT_TYPE], content_type(&name), "{name}");
            let plain = embedded(&name, Dist::get(&name).unwrap(), &HeaderMap::new());
            assert!(!plain.headers().contains_key(CONTENT_ENCODING), "{name}");
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip; q=0", false),
            ("br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap());
            assert_eq!(takes_gzip(&headers), expected, "{accepted:?}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn types_are_what_browsers_want() {
        assert_eq!(content_type("assets/a-1.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("a.css"), "text/css; charset=utf-8");
        assert_eq!(content_type("a.svg"), "image/svg+xml");
        assert_eq!(content_type("a"), "application/octet-stream");
    }
}
