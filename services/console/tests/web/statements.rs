//! What authors were told, as a table: for a site's admins, and nobody else.

use moderato_domain::Role;
use reqwest::StatusCode;

use crate::house::House;

#[tokio::test]
async fn admins_download_the_statements_of_their_own_site() {
    let house = House::open().await;
    house.operator().await;
    let (_, mut ann) = house.person("annika", &[("blog", Role::Admin)]).await;
    let (_, mut bob) = house.person("bob", &[("blog", Role::Moderator)]).await;
    let (_, mut eve) = house.person("eve", &[("news", Role::Admin)]).await;
    let link = "<a href=\"/sites/blog/statements\">";

    let menu = ann.get("/sites/blog/people").await;
    assert!(menu.body.contains(link), "{}", menu.body);
    let form = ann.get("/sites/blog/statements").await;
    assert!(form.status.is_success() && form.body.contains("/sites/blog/statements.csv"), "{}", form.body);
    let table = ann.get("/sites/blog/statements.csv?since=2026-01-01&until=").await;
    assert_eq!(table.status, StatusCode::OK, "{}", table.body);
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(table.header("content-disposition"), "attachment; filename=\"statements-blog.csv\"");
    assert!(table.body.starts_with('"') && table.body.lines().count() == 1, "{}", table.body);
    let odd = ann.get("/sites/blog/statements.csv?since=yesterday").await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", odd.body);

    assert!(!bob.get("/sites/blog/queue").await.body.contains(link));
    for page in ["statements", "statements.csv"] {
        let path = format!("/sites/blog/{page}");
        assert_eq!(bob.get(&path).await.status, StatusCode::FORBIDDEN, "{page}");
        assert_eq!(eve.get(&path).await.status, StatusCode::NOT_FOUND, "{page}");
        assert!(!house.browser().get(&path).await.status.is_success(), "{page}");
    }
}
