package jinja

import (
	"strings"
	"unicode"
)

// longUpper are the characters whose capital is several characters (Unicode's SpecialCasing).
var longUpper = map[rune]string{
	'\u00df': "\u0053\u0053", '\u0149': "\u02bc\u004e", '\u01f0': "\u004a\u030c", '\u0390': "\u0399\u0308\u0301",
	'\u03b0': "\u03a5\u0308\u0301", '\u0587': "\u0535\u0552", '\u1e96': "\u0048\u0331", '\u1e97': "\u0054\u0308",
	'\u1e98': "\u0057\u030a", '\u1e99': "\u0059\u030a", '\u1e9a': "\u0041\u02be", '\u1f50': "\u03a5\u0313",
	'\u1f52': "\u03a5\u0313\u0300", '\u1f54': "\u03a5\u0313\u0301", '\u1f56': "\u03a5\u0313\u0342", '\u1f80': "\u1f08\u0399",
	'\u1f81': "\u1f09\u0399", '\u1f82': "\u1f0a\u0399", '\u1f83': "\u1f0b\u0399", '\u1f84': "\u1f0c\u0399",
	'\u1f85': "\u1f0d\u0399", '\u1f86': "\u1f0e\u0399", '\u1f87': "\u1f0f\u0399", '\u1f88': "\u1f08\u0399",
	'\u1f89': "\u1f09\u0399", '\u1f8a': "\u1f0a\u0399", '\u1f8b': "\u1f0b\u0399", '\u1f8c': "\u1f0c\u0399",
	'\u1f8d': "\u1f0d\u0399", '\u1f8e': "\u1f0e\u0399", '\u1f8f': "\u1f0f\u0399", '\u1f90': "\u1f28\u0399",
	'\u1f91': "\u1f29\u0399", '\u1f92': "\u1f2a\u0399", '\u1f93': "\u1f2b\u0399", '\u1f94': "\u1f2c\u0399",
	'\u1f95': "\u1f2d\u0399", '\u1f96': "\u1f2e\u0399", '\u1f97': "\u1f2f\u0399", '\u1f98': "\u1f28\u0399",
	'\u1f99': "\u1f29\u0399", '\u1f9a': "\u1f2a\u0399", '\u1f9b': "\u1f2b\u0399", '\u1f9c': "\u1f2c\u0399",
	'\u1f9d': "\u1f2d\u0399", '\u1f9e': "\u1f2e\u0399", '\u1f9f': "\u1f2f\u0399", '\u1fa0': "\u1f68\u0399",
	'\u1fa1': "\u1f69\u0399", '\u1fa2': "\u1f6a\u0399", '\u1fa3': "\u1f6b\u0399", '\u1fa4': "\u1f6c\u0399",
	'\u1fa5': "\u1f6d\u0399", '\u1fa6': "\u1f6e\u0399", '\u1fa7': "\u1f6f\u0399", '\u1fa8': "\u1f68\u0399",
	'\u1fa9': "\u1f69\u0399", '\u1faa': "\u1f6a\u0399", '\u1fab': "\u1f6b\u0399", '\u1fac': "\u1f6c\u0399",
	'\u1fad': "\u1f6d\u0399", '\u1fae': "\u1f6e\u0399", '\u1faf': "\u1f6f\u0399", '\u1fb2': "\u1fba\u0399",
	'\u1fb3': "\u0391\u0399", '\u1fb4': "\u0386\u0399", '\u1fb6': "\u0391\u0342", '\u1fb7': "\u0391\u0342\u0399",
	'\u1fbc': "\u0391\u0399", '\u1fc2': "\u1fca\u0399", '\u1fc3': "\u0397\u0399", '\u1fc4': "\u0389\u0399",
	'\u1fc6': "\u0397\u0342", '\u1fc7': "\u0397\u0342\u0399", '\u1fcc': "\u0397\u0399", '\u1fd2': "\u0399\u0308\u0300",
	'\u1fd3': "\u0399\u0308\u0301", '\u1fd6': "\u0399\u0342", '\u1fd7': "\u0399\u0308\u0342", '\u1fe2': "\u03a5\u0308\u0300",
	'\u1fe3': "\u03a5\u0308\u0301", '\u1fe4': "\u03a1\u0313", '\u1fe6': "\u03a5\u0342", '\u1fe7': "\u03a5\u0308\u0342",
	'\u1ff2': "\u1ffa\u0399", '\u1ff3': "\u03a9\u0399", '\u1ff4': "\u038f\u0399", '\u1ff6': "\u03a9\u0342",
	'\u1ff7': "\u03a9\u0342\u0399", '\u1ffc': "\u03a9\u0399", '\ufb00': "\u0046\u0046", '\ufb01': "\u0046\u0049",
	'\ufb02': "\u0046\u004c", '\ufb03': "\u0046\u0046\u0049", '\ufb04': "\u0046\u0046\u004c", '\ufb05': "\u0053\u0054",
	'\ufb06': "\u0053\u0054", '\ufb13': "\u0544\u0546", '\ufb14': "\u0544\u0535", '\ufb15': "\u0544\u053b",
	'\ufb16': "\u054e\u0546", '\ufb17': "\u0544\u053d",
}

// longTitle are those that begin a word otherwise than in longUpper.
var longTitle = map[rune]string{
	'\u00df': "\u0053\u0073", '\u0587': "\u0535\u0582", '\u1fb2': "\u1fba\u0345", '\u1fb4': "\u0386\u0345",
	'\u1fb7': "\u0391\u0342\u0345", '\u1fc2': "\u1fca\u0345", '\u1fc4': "\u0389\u0345", '\u1fc7': "\u0397\u0342\u0345",
	'\u1ff2': "\u1ffa\u0345", '\u1ff4': "\u038f\u0345", '\u1ff7': "\u03a9\u0342\u0345", '\ufb00': "\u0046\u0066",
	'\ufb01': "\u0046\u0069", '\ufb02': "\u0046\u006c", '\ufb03': "\u0046\u0066\u0069", '\ufb04': "\u0046\u0066\u006c",
	'\ufb05': "\u0053\u0074", '\ufb06': "\u0053\u0074", '\ufb13': "\u0544\u0576", '\ufb14': "\u0544\u0565",
	'\ufb15': "\u0544\u056b", '\ufb16': "\u054e\u0576", '\ufb17': "\u0544\u056d",
}

// upperText is Python's str.upper.
func upperText(s string) string {
	var out strings.Builder
	for _, c := range s {
		if long, ok := longUpper[c]; ok {
			out.WriteString(long)
		} else {
			out.WriteRune(unicode.ToUpper(c))
		}
	}
	return out.String()
}

// titleRune is the character at the beginning of a word.
func titleRune(c rune) string {
	if long, ok := longTitle[c]; ok {
		return long
	}
	if t := unicode.ToTitle(c); t != c {
		return string(t)
	}
	if long, ok := longUpper[c]; ok && !alreadyTitle(c) {
		return long
	}
	return string(c)
}

// alreadyTitle are characters with a capital of several characters that are their own title case.
func alreadyTitle(c rune) bool { return c >= 0x1f88 && c <= 0x1ffc && !unicode.IsLower(c) }

// lowerText is Python's str.lower. A capital sigma at the end of a word has a form of its own.
func lowerText(s string) string {
	var out strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch c {
		case 0x130:
			out.WriteString("i\u0307")
		case 0x3a3:
			out.WriteRune(sigma(runes, i))
		default:
			out.WriteRune(unicode.ToLower(c))
		}
	}
	return out.String()
}

// sigma is the small form of the capital sigma at i: the final one after a letter and not before one, where marks do not count.
func sigma(s []rune, i int) rune {
	j := i - 1
	for j >= 0 && caseIgnorable(s[j]) {
		j--
	}
	final := j >= 0 && isCased(s[j])
	j = i + 1
	for j < len(s) && caseIgnorable(s[j]) {
		j++
	}
	if final && (j == len(s) || !isCased(s[j])) {
		return 0x3c2
	}
	return 0x3c3
}

func isCased(c rune) bool {
	return unicode.In(c, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

func caseIgnorable(c rune) bool {
	return unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", c)
}

// titleText is Python's str.title: a word is a run of letters that have cases.
func titleText(s string) string {
	var out strings.Builder
	runes := []rune(s)
	inside := false
	for i, c := range runes {
		switch {
		case !inside:
			out.WriteString(titleRune(c))
		case c == 0x3a3:
			out.WriteRune(sigma(runes, i))
		default:
			out.WriteString(lowerText(string(c)))
		}
		inside = isCased(c)
	}
	return out.String()
}

// capitalize is Python's str.capitalize.
func capitalize(s string) string {
	var out strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case i == 0:
			out.WriteString(titleRune(c))
		case c == 0x3a3:
			out.WriteRune(sigma(runes, i))
		default:
			out.WriteString(lowerText(string(c)))
		}
	}
	return out.String()
}

// isLower and isUpper are Python's: there is a letter of that case and none of another.
func isLower(s string) bool {
	found := false
	for _, c := range s {
		if unicode.In(c, unicode.Lu, unicode.Lt, unicode.Other_Uppercase) {
			return false
		}
		found = found || unicode.In(c, unicode.Ll, unicode.Other_Lowercase)
	}
	return found
}

func isUpper(s string) bool {
	found := false
	for _, c := range s {
		if unicode.In(c, unicode.Ll, unicode.Lt, unicode.Other_Lowercase) {
			return false
		}
		found = found || unicode.In(c, unicode.Lu, unicode.Other_Uppercase)
	}
	return found
}

// otherDigits are ranges of digits that are no decimal digits.
var otherDigits = [][2]rune{
	{0xb2, 0xb3}, {0xb9, 0xb9}, {0x1369, 0x1371}, {0x19da, 0x19da}, {0x2070, 0x2070}, {0x2074, 0x2079},
	{0x2080, 0x2089}, {0x2460, 0x2468}, {0x2474, 0x247c}, {0x2488, 0x2490}, {0x24ea, 0x24ea}, {0x24f5, 0x24fd},
	{0x24ff, 0x24ff}, {0x2776, 0x277e}, {0x2780, 0x2788}, {0x278a, 0x2792}, {0x10a40, 0x10a43}, {0x10e60, 0x10e68},
	{0x11052, 0x1105a}, {0x1f100, 0x1f10a},
}
