//! Whether a text is a URL that can be fetched.

use hyper::Uri;

use crate::failure::Failure;

/// `url`, if it is one that can be asked.
///
/// # Errors
///
/// [`Failure::NotAUrl`] says what is wrong with it. `Uri` accepts more than can be fetched, and
/// port 99999 would silently become port 80.
pub(crate) fn parse(url: &str) -> Result<Uri, Failure> {
    let uri: Uri = url
        .parse()
        .map_err(|error| Failure::NotAUrl(format!("{error}")))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        let reason = "it must begin with http:// or https://";
        return Err(Failure::NotAUrl(reason.to_owned()));
    }
    if let (Some(authority), Some(host)) = (uri.authority(), uri.host()) {
        let reason = if authority.as_str().contains('@') {
            // aiohttp would send it as an Authorization header. hyper would drop it.
            "a user name in it is not supported"
        } else if uri.port_u16().is_none() && authority.as_str() != host {
            "its port is no number from 0 to 65535"
        } else {
            return Ok(uri);
        };
        return Err(Failure::NotAUrl(reason.to_owned()));
    }
    Err(Failure::NotAUrl("it names no host".to_owned()))
}

/// The part of `url` that tells the rows of the timeline apart: `/data1`.
pub(crate) fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url[host..].find('/').map(|path| &url[host + path..]);
    path.unwrap_or(if host == 0 { url } else { "/" })
}
