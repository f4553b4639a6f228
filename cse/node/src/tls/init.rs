//! `dyad tls init`: a private CA and a certificate of the node, for a first secure set-up.
//!
//! Responsible for the files (which are there, who may read them, that none is lost) and for what the user is told. What
//! is in the certificates is left to `issue`.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use dyad_core::{Clock as _, SystemClock};
use time::OffsetDateTime;

use super::issue::{self, Subject};
use crate::settings::{CseType, Settings};

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct InitLine {
    /// Where the files are put
    #[arg(long, value_name = "DIRECTORY", default_value = "./tls")]
    directory: PathBuf,
    /// Host name or address under which clients reach the node; may be given several times. localhost, 127.0.0.1 and
    /// ::1 are always in the certificate
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// Replace the certificate and the key of the node; the CA is kept if it is there, so that its clients go on
    /// trusting the node
    #[arg(long)]
    force: bool,
}

/// For the help of the command.
pub(crate) const EXAMPLES: &str = "\
Makes four files: ca.pem and ca.key (a private certificate authority), node.pem and node.key (the certificate of this
node, signed by it). Keys can be read by you alone. The certificate names the CSE-ID, so give the same settings as to
`dyad serve`.

Examples:
  dyad tls init                                        for this machine
  dyad tls init --name gateway.lan --name 10.0.0.7     for clients elsewhere
  dyad tls init --force                                a new certificate by the same CA, when the old one ends";

/// Makes the files, and says what they are and what to do with them.
pub(crate) fn init(given: &InitLine, settings: &Settings) -> anyhow::Result<String> {
    let directory = &given.directory;
    let file = |name: &str| directory.join(name);
    let [ca, ca_key, node, node_key] = ["ca.pem", "ca.key", "node.pem", "node.key"].map(file);
    let existing = [&ca, &ca_key, &node, &node_key].into_iter().find(|path| path.exists());
    if let Some(existing) = existing.filter(|_| !given.force) {
        bail!(
            "{} exists already; name another directory with --directory, or replace the certificate of the node with --force",
            existing.display()
        );
    }
    if ca.exists() != ca_key.exists() {
        let (there, gone) = if ca.exists() { (&ca, &ca_key) } else { (&ca_key, &ca) };
        bail!(
            "{} is there and {} is not: bring it back for a certificate by the same CA, or take the other away for a new one",
            there.display(),
            gone.display()
        );
    }
    let subject = Subject {
        cse_id: &settings.cse.id,
        sp_id: &settings.cse.sp_id,
        is_infrastructure: settings.cse.kind == CseType::In,
        names: &given.names,
    };
    // Before anything is written.
    let names = subject.names()?;
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(SystemClock.now().micros()) * 1000)?;
    std::fs::create_dir_all(directory).with_context(|| {
        format!("the directory {} cannot be made; name another with --directory", directory.display())
    })?;
    let is_new = !ca.exists();
    if is_new {
        let made = issue::authority(&settings.cse.id, now)?;
        write(&ca_key, &made.key, true)?;
        write(&ca, &made.certificate, false)?;
    }
    let made = issue::node(&settings.cse.id, names, &read(&ca)?, &read(&ca_key)?, now)
        .with_context(|| format!("the CA in {} cannot sign", directory.display()))?;
    write(&node_key, &made.key, true)?;
    write(&node, &made.certificate, false)?;
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.clone());
    Ok(told(&directory, is_new, &made.until.date().to_string(), given, settings))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file anew; a secret one can be read by its owner alone from the first byte on.
fn write(path: &Path, text: &str, is_secret: bool) -> anyhow::Result<()> {
    let write = || {
        // Beside it first: a node that is just reading finds the old file or the new one, and not half of one.
        let beside = path.with_extension("new");
        let _ = std::fs::remove_file(&beside);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(if is_secret { 0o600 } else { 0o644 });
        }
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    let _ = is_secret;
    write().with_context(|| format!("{} cannot be written", path.display()))
}

fn told(directory: &Path, is_new: bool, until: &str, given: &InitLine, settings: &Settings) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    let quoted = |name: &str| toml::Value::String(path(name)).to_string();
    let ca = if is_new { "a private CA: give it to whoever talks to this node" } else { "the CA, as it was" };
    let names: String = given.names.iter().map(|name| format!(", {name}")).collect();
    let (http, cse) = (&settings.http, &settings.cse);
    let (listen, port) = match http.tls_listen {
        Some(listen) => (listen.to_string(), listen.port()),
        None => ("127.0.0.1:8443".to_owned(), 8443),
    };
    let release = cse.supported_releases.iter().find(|release| *release == "3");
    let release = release.or(cse.supported_releases.last()).map_or("3", String::as_str);
    let mut text = format!("In {}:\n", directory.display());
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  ca.pem    {ca}");
    let _ = writeln!(
        text,
        "  ca.key    its key: whoever has it can be everybody; keep it safe, better elsewhere"
    );
    let _ = writeln!(text, "  node.pem  the node, for localhost, 127.0.0.1, ::1{names}; valid until {until}");
    let _ = writeln!(text, "  node.key  its key");
    let _ = writeln!(text, "\nPut into dyad.toml (0.0.0.0 in place of 127.0.0.1 lets other machines in):\n");
    let _ = writeln!(text, "[http]\ntls_listen = \"{listen}\"\n");
    let _ = writeln!(text, "[tls]\ncertificate = {}\nkey = {}", quoted("node.pem"), quoted("node.key"));
    let _ = writeln!(text, "ca = {}\n\nThen `dyad serve`, and try:\n", quoted("ca.pem"));
    let _ = writeln!(
        text,
        "curl --cacert {} -H 'X-M2M-Origin: {}' -H 'X-M2M-RI: 1' -H 'X-M2M-RVI: {release}' https://localhost:{port}{}/{}",
        shell(&path("ca.pem")),
        cse.admin,
        http.root,
        cse.name
    );
    text
}

/// A text as one word of a shell.
fn shell(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::shell;

    #[test]
    fn words_of_a_shell() {
        assert_eq!(shell("/home/x/tls/ca.pem"), "/home/x/tls/ca.pem");
        assert_eq!(shell("/it's here"), "'/it'\\''s here'");
    }
}
