/**
 * Whether the visitor seems to be in a country where helping may be held against them. Decided from what the browser says of
 * itself; nobody is asked. Pure. docs/how-to/volunteer.md says how the list was made.
 */

/** Time zones by country. A country has those that the browser may name, old names too. */
const ZONES: Readonly<Record<string, string>> = {
  AE: "Asia/Dubai",
  AZ: "Asia/Baku",
  BH: "Asia/Bahrain",
  BY: "Europe/Minsk",
  CN: "Asia/Shanghai Asia/Urumqi Asia/Chongqing Asia/Chungking Asia/Harbin Asia/Kashgar PRC",
  CU: "America/Havana Cuba",
  EG: "Africa/Cairo Egypt",
  ER: "Africa/Asmara Africa/Asmera",
  ET: "Africa/Addis_Ababa",
  IR: "Asia/Tehran Iran",
  KP: "Asia/Pyongyang",
  KZ: "Asia/Almaty Asia/Aqtau Asia/Aqtobe Asia/Atyrau Asia/Oral Asia/Qostanay Asia/Qyzylorda",
  MM: "Asia/Yangon Asia/Rangoon",
  NI: "America/Managua",
  PK: "Asia/Karachi",
  RU:
    "Europe/Moscow W-SU Europe/Kaliningrad Europe/Samara Europe/Saratov Europe/Astrakhan Europe/Ulyanovsk Europe/Volgograd Europe/Kirov " +
    "Asia/Yekaterinburg Asia/Omsk Asia/Novosibirsk Asia/Barnaul Asia/Tomsk Asia/Novokuznetsk Asia/Krasnoyarsk Asia/Irkutsk Asia/Chita " +
    "Asia/Yakutsk Asia/Khandyga Asia/Vladivostok Asia/Ust-Nera Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk Asia/Kamchatka Asia/Anadyr",
  SA: "Asia/Riyadh",
  SD: "Africa/Khartoum",
  TJ: "Asia/Dushanbe",
  TM: "Asia/Ashgabat Asia/Ashkhabad",
  TR: "Europe/Istanbul Asia/Istanbul Turkey",
  UZ: "Asia/Tashkent Asia/Samarkand",
  VE: "America/Caracas",
  VN: "Asia/Ho_Chi_Minh Asia/Saigon",
};

/** What browsers name that hide their time zone. */
const HIDDEN_ZONE = /^(|UTC|GMT|Etc\/.*|Atlantic\/Reykjavik)$/;

/**
 * ISO 3166-1 alpha-2, or null.
 *
 * A language alone says little: many who speak it live elsewhere. Its region counts only where the time zone is hidden.
 *
 * @param zone What `Intl` calls the time zone.
 * @param languages `navigator.languages`.
 */
export function cautionFor(zone: string, languages: readonly string[]): string | null {
  for (const [country, zones] of Object.entries(ZONES)) {
    if (zones.split(" ").includes(zone)) return country;
  }
  if (!HIDDEN_ZONE.test(zone)) return null;
  for (const language of languages) {
    const region = /-([A-Z]{2})\b/.exec(language)?.[1];
    if (region !== undefined) return region in ZONES ? region : null;
  }
  return null;
}
