//! The node under measurement: a running one with a registered AE.

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::bench::Bench;
use crate::child::Server;
use crate::client::{Client, Reply};
use crate::script;

/// The originator with all rights.
pub(crate) const ADMIN: &str = "CAdmin";
/// The AE that carries the load; its rights are decided like anybody's.
pub(crate) const AE: &str = "CBench";
/// Where the AE is.
pub(crate) const HOME: &str = "/cse-in/bench";

/// The resource type of an AE, a container, an instance, a polling channel and a subscription.
pub(crate) const TY_AE: u32 = 2;
pub(crate) const TY_CONTAINER: u32 = 3;
pub(crate) const TY_INSTANCE: u32 = 4;
pub(crate) const TY_POLLING_CHANNEL: u32 = 15;
pub(crate) const TY_SUBSCRIPTION: u32 = 23;

/// What a sensor might say.
pub(crate) const INSTANCE: &str =
    r#"{"m2m:cin":{"con":"{\"temperature\":21.5,\"humidity\":48,\"battery\":3.01,\"ok\":true}"}}"#;

/// A node with its database.
pub(crate) struct Node {
    /// The process.
    pub(crate) server: Server,
    client: Client,
    asked: u64,
    directory: TempDir,
}

impl Node {
    /// Starts a node on an empty database and registers the AE.
    pub(crate) fn start(bench: &Bench) -> Result<Self> {
        Self::start_with(bench, &[])
    }

    /// The same with further settings, `key=value`.
    pub(crate) fn start_with(bench: &Bench, settings: &[&str]) -> Result<Self> {
        let directory = bench.scratch()?;
        let server = bench.serve_with(directory.path(), settings)?;
        let client = Client::connect(server.address)?;
        let mut node = Self { server, client, asked: 0, directory };
        let ae = r#"{"m2m:ae":{"rn":"bench","api":"Nbench","rr":true,"srv":["3"]}}"#;
        node.create("/cse-in", TY_AE, ae).context("register the AE")?;
        Ok(node)
    }

    /// Ends the process and starts it again on the same database.
    pub(crate) fn restart(self, bench: &Bench) -> Result<Self> {
        let Self { server, client, asked, directory } = self;
        drop(client);
        server.stop()?;
        let server = bench.serve(directory.path())?;
        let client = Client::connect(server.address)?;
        Ok(Self { server, client, asked, directory })
    }

    /// Creates a resource as the AE.
    pub(crate) fn create(&mut self, parent: &str, ty: u32, body: &str) -> Result<Reply> {
        let request = script::post(parent, AE, ty, body);
        self.ask(&request)?.expect(201).with_context(|| format!("create {body} in {parent}"))
    }

    /// Creates a container as the AE and gives its path.
    pub(crate) fn container(&mut self, name: &str, mni: u64) -> Result<String> {
        self.create(HOME, TY_CONTAINER, &format!(r#"{{"m2m:cnt":{{"rn":"{name}","mni":{mni}}}}}"#))?;
        Ok(format!("{HOME}/{name}"))
    }

    /// Retrieves as this originator.
    pub(crate) fn retrieve(&mut self, path: &str, originator: &str) -> Result<Reply> {
        let request = script::get(path, originator);
        self.ask(&request)?.expect(200).with_context(|| format!("retrieve {path}"))
    }

    /// Creates this many instances, many at a time.
    pub(crate) fn fill(&self, bench: &Bench, container: &str, count: u64) -> Result<()> {
        let create = script::post(container, AE, TY_INSTANCE, INSTANCE);
        bench.filling(&self.server, count).run(&mut create.script())?.clean()?;
        Ok(())
    }

    /// Connects anew: a node ends a connection on which nothing was asked for a while.
    pub(crate) fn reconnect(&mut self) -> Result<()> {
        self.client = Client::connect(self.server.address)?;
        Ok(())
    }

    fn ask(&mut self, request: &script::Prepared) -> Result<Reply> {
        self.asked += 1;
        // Far from the numbers of the loads.
        self.client.ask(&request.numbered(9_000_000_000 + self.asked))
    }
}
