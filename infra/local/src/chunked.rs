//! The SDK's chunked upload encoding: the body in pieces, with a checksum behind it.

use bytes::{Bytes, BytesMut};
use http::Request;

use crate::aws_request::header;

/// The body before the SDK cut it into pieces; none if it is not complete.
pub(crate) fn body_of(request: &Request<Bytes>) -> Option<Bytes> {
    let chunked = header(request, "content-encoding").is_some_and(|e| e.contains("aws-chunked"))
        || header(request, "x-amz-content-sha256").is_some_and(|sum| sum.starts_with("STREAMING-"));
    match chunked {
        true => decoded(request.body()),
        false => Some(request.body().clone()),
    }
}

/// Each piece is its length in hexadecimal, an optional signature, and the bytes; the last is empty.
fn decoded(mut rest: &[u8]) -> Option<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let length = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        rest = &rest[end + 2..];
        if length == 0 {
            return Some(body.freeze());
        }
        body.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_and_what_follows_is_left_out() {
        let body = decoded(
            b"3\r\nabc\r\n2;chunk-signature=1\r\nde\r\n0\r\nx-amz-checksum-crc32:x\r\n\r\n",
        );
        assert_eq!(body.as_deref(), Some(&b"abcde"[..]));
    }

    #[test]
    fn a_body_that_is_not_whole_is_none() {
        assert_eq!(decoded(b"3\r\nab"), None);
        assert_eq!(decoded(b""), None);
    }
}
