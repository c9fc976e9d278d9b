//! The document as the C library expat reads it: the parser under many of the clients and servers
//! that a call passes on its way. Linked only where it is installed (feature `expat`).

use std::ffi::{CStr, c_char, c_int, c_void};

use soap::{Expanded, Piece};

type Parser = *mut c_void;
type OnStart = unsafe extern "C" fn(*mut c_void, *const c_char, *const *const c_char);
type OnEnd = unsafe extern "C" fn(*mut c_void, *const c_char);
type OnText = unsafe extern "C" fn(*mut c_void, *const c_char, c_int);

#[link(name = "expat")]
unsafe extern "C" {
    fn XML_ParserCreateNS(encoding: *const c_char, separator: c_char) -> Parser;
    fn XML_SetUserData(parser: Parser, data: *mut c_void);
    fn XML_SetElementHandler(parser: Parser, start: OnStart, end: OnEnd);
    fn XML_SetCharacterDataHandler(parser: Parser, text: OnText);
    fn XML_Parse(parser: Parser, text: *const c_char, length: c_int, is_last: c_int) -> c_int;
    fn XML_GetErrorCode(parser: Parser) -> c_int;
    fn XML_ParserFree(parser: Parser);
}

/// Stands between namespace and local name; no name of either has it.
const SEPARATOR: u8 = b'\n';

/// `encoding` overrides what the document declares. `Err`: expat's error code.
pub fn outline(document: &[u8], encoding: Option<&CStr>) -> Result<Vec<Piece>, i32> {
    let encoding = encoding.map_or(std::ptr::null(), CStr::as_ptr);
    let length = c_int::try_from(document.len()).map_err(|_| -1)?;
    let mut pieces: Vec<Piece> = Vec::new();
    // SAFETY: the parser lives as long as this block, and so do the pieces that its handlers get;
    // the handlers are called only from within XML_Parse.
    let error = unsafe {
        let parser = XML_ParserCreateNS(encoding, SEPARATOR.cast_signed());
        XML_SetUserData(parser, (&raw mut pieces).cast());
        XML_SetElementHandler(parser, on_start, on_end);
        XML_SetCharacterDataHandler(parser, on_text);
        let read = XML_Parse(parser, document.as_ptr().cast(), length, 1);
        let error = if read == 0 {
            XML_GetErrorCode(parser)
        } else {
            0
        };
        XML_ParserFree(parser);
        error
    };
    if error == 0 { Ok(pieces) } else { Err(error) }
}

/// SAFETY: `data` is the pieces; names and attributes are C strings, the latter in pairs up to null.
unsafe extern "C" fn on_start(
    data: *mut c_void,
    name: *const c_char,
    mut attributes: *const *const c_char,
) {
    let (pieces, name) = unsafe { (&mut *data.cast::<Vec<Piece>>(), expanded(name)) };
    let mut pairs = Vec::new();
    unsafe {
        while !(*attributes).is_null() {
            let value = CStr::from_ptr(*attributes.add(1)).to_string_lossy();
            pairs.push((expanded(*attributes), value.into_owned()));
            attributes = attributes.add(2);
        }
    }
    pairs.sort();
    pieces.push(Piece::Start(name, pairs));
}

/// SAFETY: `data` is the pieces.
unsafe extern "C" fn on_end(data: *mut c_void, _name: *const c_char) {
    unsafe { &mut *data.cast::<Vec<Piece>>() }.push(Piece::End);
}

/// SAFETY: `data` is the pieces, `text` has so many bytes.
unsafe extern "C" fn on_text(data: *mut c_void, text: *const c_char, length: c_int) {
    let (pieces, text) = unsafe {
        let length = usize::try_from(length).unwrap_or_default();
        let text = std::slice::from_raw_parts(text.cast::<u8>(), length);
        (&mut *data.cast::<Vec<Piece>>(), text)
    };
    crate::push_text(pieces, &String::from_utf8_lossy(text));
}

/// SAFETY: it is a C string.
unsafe fn expanded(name: *const c_char) -> Expanded {
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    let (namespace, local) = name
        .split_once(char::from(SEPARATOR))
        .unwrap_or(("", &name));
    Expanded {
        namespace: namespace.to_owned(),
        local: local.to_owned(),
    }
}
