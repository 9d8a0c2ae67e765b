//! Descriptions of environments.

use crate::spec::data::Array;
use crate::spec::environment::{Environment, TIME_LIMIT};
use crate::spec::sources::code;
use crate::support::error::Result;

impl Environment {
    /// The comment at the beginning of its file, without the slashes.
    pub fn header(&self) -> String {
        let lines = self.source.lines().take_while(|line| line.starts_with("//") && !line.starts_with("//!"));
        lines.map(|line| line.trim_start_matches("//").trim_start().to_string() + "\n").collect()
    }

    /// Its first sentence, without its name.
    pub fn summary(&self) -> String {
        let header = self.header().replace('\n', " ");
        let rest = header.split_once(": ").map_or(header.as_str(), |(_, rest)| rest);
        rest.split(". ").next().unwrap_or_default().trim_end_matches(['.', ' ']).to_string()
    }

    /// The comment in the file beside a parameter.
    fn comment(&self, parameter: &str) -> &str {
        let body = code(&self.source).find("struct EnvParameters").map_or("", |start| &self.source[start..]);
        let body = body.split_once('}').map_or(body, |(body, _)| body);
        let line = body.lines().find(|line| line.trim_start().strip_prefix(parameter).is_some_and(|rest| rest.trim_start().starts_with(':')));
        line.and_then(|line| line.split_once("//")).map_or("", |(_, comment)| comment.trim())
    }

    /// A full description as text.
    pub fn to_text(&self) -> String {
        let limit = if self.time_limit == u32::MAX { "none".into() } else { format!("{} steps", self.time_limit) };
        let mut text = format!("{}\n{}\n", self.name, self.header());
        text += &format!("observations   {}{}\n", self.observation, self.axes());
        text += &format!("actions        {}{}\n", self.actions.describe(), if self.masked { ", masked" } else { "" });
        text += &format!("time limit     {limit}\n");
        if let Some(solved) = self.solved_return {
            text += &format!("solved from    {solved}\n");
        }
        if let Some((name, _)) = Environment::preset(&self.name).filter(|_| self.built_in) {
            text += &format!("trained with   {name}\n");
        }
        for (i, path) in self.sources.imported().enumerate() {
            text += &format!("{:<15}{path}\n", if i == 0 { "imports" } else { "" });
        }
        for (i, array) in self.data.arrays.iter().enumerate() {
            text += &format!("{:<15}{}   {}\n", if i == 0 { "data" } else { "" }, array.describe(), array.file);
        }
        text += "\nParameters (env_parameters)\n";
        let limit = if self.time_limit == u32::MAX { "none".into() } else { self.time_limit.to_string() };
        let rows = self.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.digits(parameter.default), self.comment(&parameter.name)));
        for (name, default, comment) in rows.chain([(TIME_LIMIT, limit, "steps after which an episode is truncated")]) {
            text += format!("  {name:<28} {default:<10} {comment}").trim_end();
            text += "\n";
        }
        text
    }

    /// The built-in environments.
    ///
    /// # Errors
    /// None in a released program.
    pub fn list() -> Result<Vec<Environment>> {
        Environment::names().map(Environment::named).collect()
    }

    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let parameters: serde_json::Map<String, serde_json::Value> =
            self.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.default.into())).collect();
        let array = |array: &Array| serde_json::json!({ "name": array.name, "type": array.kind.name(), "shape": array.shape, "file": array.file });
        let data: Vec<serde_json::Value> = self.data.arrays.iter().map(array).collect();
        serde_json::json!({
            "name": self.name,
            "summary": self.summary(),
            "observations": self.observation,
            "shape": self.shape,
            "privileged": self.privileged,
            "actions": self.actions.describe(),
            "masked": self.masked,
            "time_limit": (self.time_limit < u32::MAX).then_some(self.time_limit),
            "solved_return": self.solved_return,
            "preset": Environment::preset(&self.name).map(|(name, _)| name),
            "parameters": parameters,
            "imports": self.sources.imported().collect::<Vec<_>>(),
            "data": data,
        })
    }
}
