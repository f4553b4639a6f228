//! x
use super::Subject;
use diesel::prelude::*;
use crate::store::connection::{Link, either};
use crate::store::schema::resource;
use crate::store::fixed::{Fixed, bind};
use diesel::sql_types::*;
#[test]
#[ignore]
fn newest() {
    let s = Subject::file(); let store = s.open();
    let mut w = store.writer().unwrap();
    super::measure::fill(&mut w);
    let mut r = store.reader().unwrap();
    let mut t = |what: &str, f: &mut dyn FnMut(i64)| { let s = std::time::Instant::now(); for i in 0..20000 { f(i) } println!("{what} {:.2}", s.elapsed().as_secs_f64()*1e6/20000.0); };
    for _ in 0..2 {
    t("newest", &mut |i| { r.newest(i%64+1, 4).unwrap(); });
    t("newest same", &mut |i| { r.newest(7, 4).unwrap(); });
    t("fixed", &mut |i| { let p = i%64+1; let Link::Sqlite(c) = r.link() else { return }; let _: Option<i64> = Fixed::<_, BigInt>::new("SELECT id FROM resource WHERE parent = ? AND ty = ? ORDER BY id DESC LIMIT 1", bind![BigInt: p, Integer: 4]).get_result(c).optional().unwrap(); });
    t("fixed max", &mut |i| { let p = i%64+1; let Link::Sqlite(c) = r.link() else { return }; let _: Option<i64> = Fixed::<_, Nullable<BigInt>>::new("SELECT max(id) FROM resource WHERE parent = ? AND ty = ?", bind![BigInt: p, Integer: 4]).get_result(c).unwrap(); });
    t("fixed const", &mut |i| { let p = i%64+1; let Link::Sqlite(c) = r.link() else { return }; let _: i64 = Fixed::<_, BigInt>::new("SELECT ?", bind![BigInt: p]).get_result(c).unwrap(); });
    t("by name", &mut |i| { r.id_by_name(0, "container5").unwrap(); });
    t("row 5", &mut |i| { r.row(5).unwrap(); });
    t("row", &mut |i| { r.row((i*7919)%64000).unwrap(); });
    t("max", &mut |i| { r.last_id().unwrap(); });
    t("oldest", &mut |i| { r.oldest(i%64+1, 4, 0, 1).unwrap(); });
    }
}
