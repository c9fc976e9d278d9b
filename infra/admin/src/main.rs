//! Administration of who may call, for the owner of a deployed set:
//! `cargo run --release -p admin -- --table TABLE account create 7001 "Shop"`.
//!
//! Secrets are made here, shown once, and kept as hashes only, but for the passwords of PasswordDigest
//! users, which are sealed with the set's KMS key, and the secrets that sign callbacks. Credentials
//! and region of the AWS account come from the environment, as with the AWS command line.

use anyhow::{Context, bail, ensure};
use aws_config::BehaviorVersion;
use calls::{AccountId, CALLS_PER_SECOND_MAX};
use cloud::accounts::{Account, Accounts, Caller, Login};
use cloud::{Clock, Random};

const USAGE: &str = "usage: admin --table ACCOUNTS_TABLE COMMAND
  account create ID NAME        an account, with a secret that signs its callbacks
  account show ID
  account async ID on|off       calls without RequestType are queued, of all its users and clients
  account strict ID on|off      calls of which something is not read are refused, not warned of
  account owns ID CHILD...      accounts that it may act for
  account secret ID             a new secret for its callbacks
  account limit ID N|default    calls that it may make in a second, 0 for no limit
  user create ACCOUNT NAME      a user with a new password (WS-Security UsernameToken)
  user create ACCOUNT NAME --digest KEY
                                the same, who may also log in by PasswordDigest: the password is
                                not hashed but kept encrypted with this KMS key (output PasswordKey)
  client create ACCOUNT [ID]    an API client with a new secret (POST /v2/token)
  client async ID on|off        calls without RequestType are queued, of this client alone
  maintenance on|off|show       hold calls back, let them go on
or: admin decompress BASE64         what a compressed attribute of a record says, as the console or the
                                command line of AWS show it: call, body, results, reply";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    if let ["unpack", attribute] = given.as_slice() {
        say(&unpacked(attribute)?);
        return Ok(());
    }
    let ["--table", table, command @ ..] = given.as_slice() else {
        bail!(USAGE)
    };
    let key = match command {
        ["user", "create", .., "--digest", key] => Some(*key),
        _ => None,
    };
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(cloud::outbound::callback::https_client())
        .load()
        .await;
    let admin = Admin {
        accounts: Accounts::in_table(&config, table, key),
        random: Random::system(),
        clock: Clock::system(),
    };
    admin.carry_out(command).await
}

struct Admin {
    accounts: Accounts,
    random: Random,
    clock: Clock,
}

impl Admin {
    async fn carry_out(&self, command: &[&str]) -> anyhow::Result<()> {
        match command {
            ["account", "create", id, name] => self.create_account(id, name).await,
            ["account", "show", id] => self.show_account(id).await,
            ["account", "async", id, on] => {
                let on = on_or_off(on)?;
                self.change(id, |account| account.async_by_default = on)
                    .await
            }
            ["account", "strict", id, on] => {
                let on = on_or_off(on)?;
                self.change(id, |account| account.is_strict = on).await
            }
            ["account", "owns", id, children @ ..] => {
                let owns = children
                    .iter()
                    .map(|id| AccountId((*id).to_owned()))
                    .collect();
                self.change(id, |account| account.owns = owns).await
            }
            ["account", "secret", id] => {
                let secret = self.webhook_secret();
                say(&format!("webhook secret  {secret}"));
                self.change(id, |account| account.webhook_secret = secret)
                    .await
            }
            ["account", "limit", id, calls] => {
                let calls = calls_per_second(calls)?;
                self.change(id, |account| account.calls_per_second = calls)
                    .await
            }
            ["user", "create", account, name, "--digest", _] => {
                self.create_digest_user(account, name).await
            }
            ["user", "create", account, name] => {
                self.create_login(Login::User, account, name).await
            }
            ["client", "create", account] => {
                self.create_login(Login::Client, account, &self.random.guid())
                    .await
            }
            ["client", "create", account, id] => {
                self.create_login(Login::Client, account, id).await
            }
            ["client", "async", id, on] => {
                let is_there = self.accounts.set_client_async(id, on_or_off(on)?).await?;
                ensure!(is_there, "there is no API client {id}");
                Ok(())
            }
            ["maintenance", "show"] => {
                let on = self.accounts.maintenance().await?;
                say(if on { "on" } else { "off" });
                Ok(())
            }
            ["maintenance", on] => Ok(self.accounts.set_maintenance(on_or_off(on)?).await?),
            _ => bail!(USAGE),
        }
    }

    async fn account(&self, id: &str) -> anyhow::Result<Account> {
        let found = self
            .accounts
            .account(&AccountId(id.to_owned()), self.clock.now())
            .await?;
        found.with_context(|| format!("there is no account {id}"))
    }

    async fn create_account(&self, id: &str, name: &str) -> anyhow::Result<()> {
        let id = AccountId(id.to_owned());
        ensure!(
            self.accounts
                .account(&id, self.clock.now())
                .await?
                .is_none(),
            "account {id} is there already"
        );
        let webhook_secret = self.webhook_secret();
        say(&format!(
            "account         {id}\nwebhook secret  {webhook_secret}"
        ));
        let account = Account {
            id,
            name: name.to_owned(),
            webhook_secret,
            async_by_default: false,
            is_strict: false,
            owns: Vec::new(),
            calls_per_second: None,
        };
        Ok(self.accounts.put_account(&account).await?)
    }

    async fn show_account(&self, id: &str) -> anyhow::Result<()> {
        let account = self.account(id).await?;
        let owns: Vec<&str> = account.owns.iter().map(|id| id.0.as_str()).collect();
        let limit = match account.calls_per_second {
            None => "as the stack says".to_owned(),
            Some(0) => "none".to_owned(),
            Some(calls) => format!("{calls} calls a second"),
        };
        say(&format!(
            "account           {}\nname              {}\nasync by default  {}\nstrict            {}\n\
             owns              {}\n\
             limit             {limit}",
            account.id,
            account.name,
            account.async_by_default,
            account.is_strict,
            owns.join(" ")
        ));
        Ok(())
    }

    async fn change(&self, id: &str, change: impl FnOnce(&mut Account)) -> anyhow::Result<()> {
        let mut account = self.account(id).await?;
        change(&mut account);
        Ok(self.accounts.put_account(&account).await?)
    }

    async fn create_login(&self, login: Login, account: &str, name: &str) -> anyhow::Result<()> {
        let account = self.account(account).await?;
        let secret = self.random.token();
        let caller = Caller {
            account: account.id,
            async_by_default: false,
        };
        self.accounts
            .put_login(login, name, &secret, &caller)
            .await?;
        match login {
            Login::User => say(&format!("user      {name}\npassword  {secret}")),
            Login::Client => say(&format!("client id      {name}\nclient secret  {secret}")),
        }
        Ok(())
    }

    async fn create_digest_user(&self, account: &str, name: &str) -> anyhow::Result<()> {
        let account = self.account(account).await?;
        let password = self.random.token();
        let caller = Caller {
            account: account.id,
            async_by_default: false,
        };
        let is_made = self
            .accounts
            .put_digest_user(name, &password, &caller)
            .await?;
        ensure!(is_made, "--digest needs a KMS key\n{USAGE}");
        say(&format!(
            "user      {name}\npassword  {password}\n\
             May log in by PasswordDigest. For that the password is kept encrypted with the KMS key, \
             not as a hash: whoever may use the key can read it."
        ));
        Ok(())
    }

    /// 256 bits of chance, as 43 bytes, written as Standard Webhooks writes its secrets.
    fn webhook_secret(&self) -> String {
        use base64::Engine;
        let bytes = self.random.token();
        format!(
            "whsec_{}",
            base64::engine::general_purpose::STANDARD.encode(bytes)
        )
    }
}

fn calls_per_second(text: &str) -> anyhow::Result<Option<u32>> {
    if text == "default" {
        return Ok(None);
    }
    let calls: Option<u32> = text.parse().ok();
    let calls = calls.filter(|calls| *calls <= CALLS_PER_SECOND_MAX);
    ensure!(
        calls.is_some(),
        "a number up to {CALLS_PER_SECOND_MAX}, or default, not {text}\n{USAGE}"
    );
    Ok(calls)
}

fn unpacked(attribute: &str) -> anyhow::Result<String> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(attribute.trim())?;
    cloud::decompress(&bytes).context("these bytes are not a packed attribute")
}

fn on_or_off(text: &str) -> anyhow::Result<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => bail!("on or off, not {other}\n{USAGE}"),
    }
}

#[expect(clippy::print_stdout, reason = "it answers on the command line")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::unpacked;

    #[test]
    fn what_is_no_packed_attribute_is_said_to_be_none() {
        // Stored as it is: a byte 0 before it.
        assert_eq!(unpacked("AGhlbGxv").ok().as_deref(), Some("hello"));
        for other in ["AQ==", "CWhlbGxv", "hello?"] {
            assert!(unpacked(other).is_err(), "{other}");
        }
    }
}
