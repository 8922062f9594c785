"""Phones and e-mails for those who need not read them in full: enough to recognise, too little to use."""


def masked_email(email: str) -> str:
    """anna@example.com -> a•••@example.com"""
    name, at, domain = email.partition("@")
    return f"{name[:1]}•••{at}{domain}" if email else ""


def masked_phone(phone: str) -> str:
    """+48500600700 -> +48 ••• 700"""
    return f"{phone[:3]} ••• {phone[-3:]}" if phone else ""
