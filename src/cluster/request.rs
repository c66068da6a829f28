//! What is asked of an API server: a URL, and in which form the answer is wanted.

use bytes::Bytes;
use url::Url;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// In which form the answer is wanted.
    pub accept: Accept,
    /// JSON that is posted; without it the request is a GET.
    pub body: Option<Bytes>,
}

/// A form of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Accept {
    /// Plain JSON.
    #[default]
    Json,
    /// All groups in one document, from servers that can; plain JSON from others (Kubernetes enhancement 3352).
    AggregatedDiscovery,
}

impl Accept {
    /// The header's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::AggregatedDiscovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                 application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                 application/json"
            }
        }
    }
}

impl Request {
    /// Asks for what is at `url`.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { url, accept: Accept::default(), body: None }
    }

    /// The same, in another form.
    #[must_use]
    pub fn accepting(self, accept: Accept) -> Self {
        Self { accept, ..self }
    }

    /// Posts JSON to `url`.
    #[must_use]
    pub fn post(url: Url, json: impl Into<Bytes>) -> Self {
        Self { url, accept: Accept::default(), body: Some(json.into()) }
    }
}
