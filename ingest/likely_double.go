package ingest

import (
	"sync"
	"unicode/utf8"
)

// rank is what a pair of bytes is in a page of East Asia.
type rank int

const (
	rankNone   rank = iota // no character, or one that texts of the page hardly have
	rankAside              // a sign, a full-width letter or a rare character, which tells nothing
	rankUsual              // of the characters that texts are made of
	rankCommon             // and frequent among them
)

// doublePage is a page in which the characters of a language of East Asia take two bytes.
type doublePage struct {
	page   int
	rank   func(lead, trail byte) rank
	common string // frequent characters, in texts of any sort and in messages of computers
}

// doubleByte lists the pages of two bytes a character. The ranges are those of JIS X 0208, GB 2312, KS X 1001 and Big5, which put frequent
// characters before rare ones.
var doubleByte = []doublePage{
	{
		page: 932,
		rank: func(lead, trail byte) rank {
			switch pair := int(lead)<<8 | int(trail); {
			case trail < 0x40 || trail == 0x7F || trail > 0xFC:
				return rankNone
			case pair >= 0x829F && pair <= 0x82F1, pair >= 0x8340 && pair <= 0x8396, pair == 0x815B: // kana and their long vowel
				return rankCommon
			case pair >= 0x889F && pair <= 0x9872: // level 1
				return rankUsual
			case pair >= 0x8140 && pair <= 0x829A, pair >= 0x989F && pair <= 0xEAA4:
				return rankAside
			}
			return rankNone
		},
		common: "正常終了開始処理完失敗実行中設定接続通信情報確認更新変更削除追加作成起動停止時間日本語名前番号場所指定存在見使用要求応答成功無有効不可能必要管理者権限対象状態" +
			"取得読込書出入力表示検索結果警告異例外期限切保存回数合計年月分秒容量未済登録",
	},
	{
		page: 936,
		rank: func(lead, trail byte) rank { return rankEUC(lead, trail, 0xD7, 0xF7) }, // levels 1 and 2
		common: "的一是在不了有和人这中大为上个国我以要时来用们生到作地于出就分对成会可主发年动同工也能下过子说面而方后多定行法所得经进着等部度家电力如自理起小现实加量都体制机当使" +
			"点从本去性应开它合还因由其些然前外日事平形全表间与关各重新线内数正你明看原或但第向此变条只没结解问建月公无系者最已通并提直题程展果位入常文总次式设及管特件长求基资" +
			"流路级统接知将组见计别期根运指区放决被必先回则任取据处给即保规口器增术受联认共权收证改再转更单切打速带安例具每目至示报完类名确才信节空元集传步记需段且算低持复容非" +
			"验连断备列支除消构称值号率维选标写存候快效查型按格易置层始专状识适属包调局照参引该错误驱序失败拒绝访找服务启停止装目录卷字磁盘制删注册键用户密码网络超端配成功警告息" +
			"志拷贝输页租域登页补丁码",
	},
	{
		page: 949,
		rank: func(lead, trail byte) rank { return rankEUC(lead, trail, 0xC8, 0xC8) }, // hangul
		common: "이다는을의에하가지시사한로일기스정고어나서자은도대아리를전인부수해제보라장원그구여용상주유동성과미조비으있트않니습합됩오류파실패액세거찾없작중연결설치프램디렉터볼륨드" +
			"브번호레벨바남음관권할네워크었했되된료완종경본문내록마모무반발방분생신안업입출진체추키타통표필행화확회값",
	},
	{
		page: 950,
		rank: func(lead, trail byte) rank {
			switch {
			case trail < 0x40 || trail > 0x7E && trail < 0xA1 || trail == 0xFF:
				return rankNone
			case lead >= 0xA4 && lead <= 0xC6: // level 1
				return rankUsual
			case lead >= 0xA1 && lead <= 0xA3, lead >= 0xC9 && lead <= 0xF9:
				return rankAside
			}
			return rankNone
		},
		common: "的一是在不了有和人這中大為上個國我以要時來用們生到作地於出就分對成會可主發年動同工也能下過子說面而方後多定行法所得經進著等部度家電力如自理起小現實加量都體制機當使" +
			"點從本去性應開它合還因由其些然前外日事平形全表間與關各重新線內數正你明看原或但第向此變條只沒結解問建月公無系者最已通並提直題程展果位入常文總次式設及管特件長求基資" +
			"流路級統接知將組見計別期根運指區放決被必先回則任取據處給即保規口器增術受聯認共權收證改再轉更單切打速帶安例具每目至示報完類名確才信節空元集傳步記需段且算低持復容非" +
			"驗連斷備列支除消構稱值號率維選標寫存候快效查型按格易置層始專狀識適屬調局照參引該錯誤檔案磁碟序失敗拒絕找服務啟停止裝目錄組複刪登錄者密碼網逾定成功警告訊息",
	},
}

// rankEUC ranks a pair of a page in which both bytes are above A0 and signs come first: usual is the last lead byte of the usual characters, which begin at B0, and rare that of
// the rare ones behind them.
func rankEUC(lead, trail, usual, rare byte) rank {
	switch {
	case trail < 0xA1 || trail == 0xFF:
		return rankNone
	case lead >= 0xB0 && lead <= usual:
		return rankUsual
	case lead >= 0xA1 && lead <= 0xA3, lead > usual && lead <= rare:
		return rankAside
	}
	return rankNone
}

// commonPairs has the frequent characters of each of the pages, in their order, as the page writes them.
var commonPairs = sync.OnceValue(func() []map[[2]byte]bool {
	all := make([]map[[2]byte]bool, len(doubleByte))
	for i := range doubleByte {
		all[i] = map[[2]byte]bool{}
		b, _ := pageOf(doubleByte[i].page, 0).multi.NewEncoder().String(doubleByte[i].common)
		for ; len(b) > 1; b = b[2:] {
			all[i][[2]byte{b[0], b[1]}] = true
		}
	}
	return all
})

// fit tells how well a text fits the language of the page. A pair that stands alone is bad: two letters of another language may look like
// one, but hardly two in a row. common are the frequent characters.
func (p *doublePage) fit(text []byte, common map[[2]byte]bool) (f fitness) {
	for len(text) > 0 {
		text = text[asciiLen(text):]
		var run fitness
		pairs := 0
		for len(text) > 0 && text[0] >= utf8.RuneSelf {
			r, size := rankNone, 1
			if len(text) > 1 {
				r = p.rank(text[0], text[1])
			}
			if r == rankUsual && common[[2]byte{text[0], text[1]}] {
				r = rankCommon
			}
			switch r {
			case rankNone:
				run.bad++
			case rankCommon:
				run.good++
				run.common++
			case rankUsual:
				run.good++
			case rankAside:
			}
			if r != rankNone {
				pairs++
				size = 2
			}
			text = text[size:]
		}
		if pairs < 2 {
			run = fitness{bad: run.good + run.bad}
		}
		f.good, f.common, f.bad = f.good+run.good, f.common+run.common, f.bad+run.bad
	}
	return f
}
