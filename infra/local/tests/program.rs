//! The program `local` as a script meets it: what it says of itself, and when it says `listening`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

fn local() -> Command {
    Command::new(env!("CARGO_BIN_EXE_local"))
}

fn said(arguments: &[&str]) -> Output {
    local().args(arguments).output().expect("it can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ended with the test, whatever becomes of that.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn help_names_every_option_and_version_the_version() {
    let help = said(&["--help"]);
    assert!(help.status.success());
    let help = text(&help.stdout);
    for option in ["--listen", "--data", "--backend", "--version"] {
        assert!(help.contains(option), "{option} in {help}");
    }
    let version = said(&["--version"]);
    assert!(version.status.success());
    assert!(text(&version.stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn whoever_reads_that_it_listens_is_answered() {
    let mut child = local()
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be run");
    let stdout = child.stdout.take().expect("a pipe");
    let _running = Running(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .unwrap_or_else(|| panic!("{line}"));
    let mut stream = TcpStream::connect(address).expect("a connection, at once");
    let request =
        format!("GET /etframework.wsdl HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = text(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "{}",
        answer.lines().next().unwrap_or("")
    );
}

#[test]
fn where_it_cannot_listen_it_does_not_say_so() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = said(&["--listen", &address]);
    assert!(!output.status.success());
    assert!(!text(&output.stdout).contains("listening"), "{output:?}");
    let complaint = text(&output.stderr);
    assert!(complaint.contains(&address), "{complaint}");
}
