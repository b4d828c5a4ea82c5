//! A member's browser, without scripts, and the pages that it gets: Rondo's own and the gateway's.

use reqwest::{RequestBuilder, Response, StatusCode, redirect};

use super::world::World;

/// A browser.
#[derive(Debug)]
pub struct Browser {
    client: reqwest::Client,
    /// What an address without a host is of.
    site: String,
}

impl World {
    /// A browser that looks at Rondo's pages.
    pub fn browser(&self) -> Browser {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Browser { client, site: self.rondo.public_url.clone() }
    }
}

impl Browser {
    /// Opens a page.
    pub async fn open(&self, url: &str) -> Page {
        Page::of(self.client.get(self.absolute(url)).send().await.unwrap()).await
    }

    /// Opens a page in a language that the browser asks for.
    pub async fn open_in(&self, url: &str, languages: &str) -> Page {
        let request = self.client.get(self.absolute(url)).header("accept-language", languages);
        Page::of(request.send().await.unwrap()).await
    }

    /// Sends the form of `page` with `fields` beside its hidden ones.
    pub async fn send(&self, page: &Page, fields: &[(&str, &str)]) -> Page {
        Page::of(self.form(page, fields).send().await.unwrap()).await
    }

    /// The form of `page`, filled in and not sent yet.
    pub fn form(&self, page: &Page, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut all = vec![("form", page.field("form"))];
        all.extend(fields);
        self.client.post(self.absolute(page.action())).form(&all)
    }

    /// Presses the button of an invoice's page; the address of the gateway's page.
    pub async fn pay(&self, page: &Page, fields: &[(&str, &str)]) -> String {
        let handed_over = self.send(page, fields).await;
        assert!(handed_over.url.contains("/go"), "{} {}", handed_over.url, handed_over.html);
        handed_over.button().to_owned()
    }

    /// The member chooses a card on the gateway's page, and is sent back if it does.
    pub async fn choose(&self, gateway_page: &str, card: &str) -> Page {
        let form = self.client.post(gateway_page).form(&[("card", card)]);
        Page::of(form.send().await.unwrap()).await
    }

    /// The member chooses a card and closes the tab before they are sent back.
    pub async fn choose_and_leave(&self, gateway_page: &str, card: &str) {
        self.send_and_leave(gateway_page, &[("card", card)]).await;
    }

    /// The member leaves the gateway's page without paying.
    pub async fn give_up(&self, gateway_page: &str) -> Page {
        let form = self.client.post(gateway_page).form(&[("answer", "give_up")]);
        Page::of(form.send().await.unwrap()).await
    }

    /// The member leaves the gateway's page without storing a card, and closes the tab.
    pub async fn give_up_and_leave(&self, gateway_page: &str) {
        self.send_and_leave(gateway_page, &[("answer", "give_up")]).await;
    }

    async fn send_and_leave(&self, page: &str, fields: &[(&str, &str)]) {
        let alone = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
        alone.build().unwrap().post(page).form(fields).send().await.unwrap();
    }

    /// The address with its host.
    pub fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { format!("{}{url}", self.site) } else { url.to_owned() }
    }

    /// For what a browser never does by itself.
    pub fn browser(&self) -> &reqwest::Client {
        &self.client
    }
}

/// A page as a browser has got it.
pub struct Page {
    /// What the server made of the request.
    pub status: StatusCode,
    /// Where it came from in the end.
    pub url: String,
    /// Its text.
    pub html: String,
}

impl Page {
    async fn of(response: Response) -> Self {
        let (status, url) = (response.status(), response.url().to_string());
        Self { status, url, html: unescaped(&response.text().await.unwrap()) }
    }

    /// Whether these words stand on it.
    pub fn says(&self, words: &str) -> bool {
        self.html.contains(words)
    }

    /// Its title.
    pub fn title(&self) -> &str {
        between(&self.html, "<h1>", "</h1>").unwrap_or_default()
    }

    /// Where the page's form goes.
    pub fn action(&self) -> &str {
        between(&self.html, "action=\"", "\"").unwrap()
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> &str {
        between(&self.html, &format!("name=\"{name}\" value=\""), "\"").unwrap()
    }

    /// Where the button leads.
    pub fn button(&self) -> &str {
        between(&self.html, "class=\"button\" href=\"", "\"").unwrap()
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

fn unescaped(html: &str) -> String {
    html.replace("&#38;", "&").replace("&#39;", "'").replace("&amp;", "&")
}
