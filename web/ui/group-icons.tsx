import { icon } from "./icons.tsx";

export const DetailsIcon = () =>
  icon(
    <>
      <rect x="3.500" y="5" width="17" height="14" rx="2.500" />
      <path d="M14.500 5v14" />
    </>,
    "icon flips",
  );
export const DotsIcon = () =>
  icon(
    <g fill="currentColor" stroke="none">
      <circle cx="5.500" cy="12" r="1.600" />
      <circle cx="12" cy="12" r="1.600" />
      <circle cx="18.500" cy="12" r="1.600" />
    </g>,
  );
export const PinIcon = () => icon(<path d="M9 4h6l-.7 6 3.200 3.500h-11L9.700 10 9 4Zm3 9.500V20" />);
export const UnpinIcon = () =>
  icon(<path d="M9 4h6l-.7 6 3.200 3.500h-11L9.700 10 9 4Zm3 9.500V20M4.500 4.500l15 15" />);
export const ForwardIcon = () => icon(<path d="m14 6 5 5-5 5M19 11h-9a5 5 0 0 0-5 5v2" />, "icon flips");
export const BellOffIcon = () =>
  icon(
    <path d="M6.500 16.500c1-1.200 1.500-2.700 1.500-5.500m.8-3.200A4.200 4.200 0 0 1 16 11c0 1.400.2 2.500.4 3.400M5.500 16.500h11M10.500 19.500h3M4.500 4.500l15 15" />,
  );
export const MegaphoneIcon = () =>
  icon(
    <path d="M4.500 10v4h3l8 4V6l-8 4h-3Zm3 4 1 5h2.200l-.9-3.800M18.500 10.200c.8 1 .8 2.600 0 3.600" />,
    "icon flips",
  );
export const DoubleCheckIcon = () => icon(<path d="m2.500 12.500 4.500 4.500L16 8M12 16l1 1 8.500-9" />);
export const MuteIcon = () =>
  icon(
    <>
      <circle cx="12" cy="12" r="8" />
      <path d="m6.500 6.500 11 11" />
    </>,
  );
